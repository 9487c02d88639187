"""What the child is told of marks: enough for the report, and nothing that a mark could be computed from."""

import json

import pytest

from sdb_service import tracing
from sdb_service.settings import Settings
from sdb_service.tables import Dataset, Job, Model, Upload
from worker.supervisor.specs import job_spec


@pytest.mark.parametrize(("side", "marked"), [(32, True), (8, False)])
def test_the_child_is_told_of_marks_where_keys_will_carry_them(side: int, marked: bool) -> None:
    size = {"channels": 3, "height": side, "width": side}
    job = Job(id="job_1", box_id="box_1", policy="sdb", config={}, evaluate={}, seed=0)
    model = Model(name="m", architecture="sdb:cnn", num_classes=10, input=size | {"mean": [0.5] * 3, "std": [0.2] * 3})
    upload = Upload(filename="net.safetensors", sha256="0" * 64)

    dataset = Dataset(name="digits", builtin="builtin:digits")
    spec = job_spec(job, model, dataset, model_upload=upload, dataset_upload=None, settings=Settings())

    assert spec["tracing"] == (tracing.promise(3 * 32 * 32) if marked else {})
    assert set(spec["tracing"]) <= {"share", "noise", "licenses", "false_accusation"}
    json.dumps(spec)
