"""A box in int8: made only where it is asked for, measured beside float32, and never without that measurement."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from sdb_core.datasets import Splits, open_dataset
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.report import SCHEMA_PATH
from sdb_core.settings import TrainingSettings
from sdb_core.training import Run
from sdb_service.storage.local import LocalStorage
from sdb_service.tables import Box
from tests.api.networks import as_npy
from tests.core.reports import full_report, served_in_int8
from tests.worker.conftest import Workshop
from tests.worker.making import as_safetensors, image_folder, weights
from tests.worker.test_pages import PLAIN
from worker.child.export import export
from worker.child.quantising import (
    CALIBRATION_IMAGES,
    Inputs,
    QuantisationFailed,
    calibration_inputs,
    quantise,
)
from worker.child.serving import answers, difference
from worker.supervisor.publishing import BadOutput, store_report
from worker.supervisor.workplace import Workplace

EVALUATE = {"level": "quick", "seeds": 1, "epochs": 1, "student": "sdb:cnn-mini", "compare": []}
SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def digits() -> Splits:
    return open_dataset("builtin:digits")


@pytest.fixture(scope="module")
def key() -> Key:
    generator = torch.Generator().manual_seed(1)
    return Key.random(SHAPE, mean=[0.3], std=[0.35], lam=0.7, generator=generator)


@pytest.fixture(scope="module")
def taught(digits: Splits, key: Key) -> nn.Module:
    """A net that tells digits apart, so that its logits have the size of a real one's."""
    from sdb_core.distillation import fit, new_student
    from sdb_core.normalise import Normalisation

    net = new_student(Architecture("sdb:cnn-mini", 10, *SHAPE), seed=0, device=torch.device("cpu"))
    settings = TrainingSettings(epochs=6, batch_size=64)
    fit(net, digits.train, normalisation=Normalisation(key.mean, key.std), settings=settings, run=Run("t", 0))
    return net


@pytest.fixture(scope="module")
def files(taught: nn.Module, digits: Splits, key: Key, tmp_path_factory: Any) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("files")
    export(taught, Architecture("sdb:cnn-mini", 10, *SHAPE), folder / "box.onnx")
    quantise(folder / "box.onnx", folder / "box.int8.onnx", calibration_inputs(digits.train, key))
    return folder / "box.onnx", folder / "box.int8.onnx"


def test_a_taught_net_keeps_its_accuracy_and_nearly_its_logits_in_int8(
    files: tuple[Path, Path], digits: Splits, key: Key
) -> None:
    found = difference(*files, digits.test, trained_on=len(digits.train), key=key)
    closed = [found["accuracy"][name]["closed"]["mean"] for name in ("float32", "int8")]
    assert closed[0] > 90
    assert abs(closed[1] - closed[0]) <= 1
    assert found["difference"]["closed"]["same_class"] >= 99
    size = float(np.abs(answers(files[0], digits.test, key=key, embedded=False)).max())
    assert 0 < found["difference"]["closed"]["mean"] < found["difference"]["closed"]["max"] < 0.1 * size
    assert found["bytes"]["int8"] < 0.6 * found["bytes"]["float32"]


def test_the_streams_are_measured_each_on_its_own_inputs(files: tuple[Path, Path], digits: Splits, key: Key) -> None:
    closed, opened = (answers(files[0], digits.test, key=key, embedded=embedded) for embedded in (False, True))
    found = difference(*files, digits.test, trained_on=len(digits.train), key=key)["accuracy"]["float32"]
    labels = digits.test.labels.numpy()
    for stream, logits in (("closed", closed), ("open", opened)):
        assert found[stream]["mean"] == pytest.approx(100 * (logits.argmax(1) == labels).mean(), abs=1e-3)
    assert not np.allclose(closed, opened)


def test_the_last_layer_stays_float32(files: tuple[Path, Path], digits: Splits, key: Key) -> None:
    logits = answers(files[1], digits.test, key=key, embedded=False)
    assert len(np.unique(logits)) > 256 * 2


def test_the_same_net_and_images_give_the_same_file(
    files: tuple[Path, Path], digits: Splits, key: Key, tmp_path: Path
) -> None:
    quantise(files[0], tmp_path / "again.onnx", calibration_inputs(digits.train, key))
    assert (tmp_path / "again.onnx").read_bytes() == files[1].read_bytes()


def test_ranges_are_read_from_training_images_of_both_streams(digits: Splits, key: Key) -> None:
    inputs = calibration_inputs(digits.train, key)
    plain, embedded = inputs[:CALIBRATION_IMAGES], inputs[CALIBRATION_IMAGES:]
    assert len(inputs) == 2 * CALIBRATION_IMAGES
    np.testing.assert_allclose(embedded, key.embed(torch.from_numpy(plain)).numpy())
    pixels = {image.tobytes() for image in digits.train.images.numpy()}
    back = np.rint((plain * key.std[0] + key.mean[0]) * 255).astype(np.uint8)
    assert {image.tobytes() for image in back} <= pixels


def test_what_cannot_be_quantised_is_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "box.onnx").write_bytes(b"no network")
    inputs: Inputs = np.zeros((1, *SHAPE), np.float32)
    with pytest.raises(QuantisationFailed, match="precision float32"):
        quantise(tmp_path / "box.onnx", tmp_path / "box.int8.onnx", inputs)


def test_a_job_in_int8_serves_it_reports_the_difference_and_keeps_float32_for_downloads(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "images.zip")
    config = {"preset": "quick", "batch_size": 6}
    job = workshop.finished_job(model, dataset, config=config, evaluate=EVALUATE, precision="int8")
    assert job["state"] == "succeeded", job["reason"]
    assert job["precision"] == "int8"

    report = workshop.get(f"/v1/jobs/{job['id']}/report")
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    assert report["serving"]["precision"] == "int8"
    assert report["serving"]["calibration"]["images"] == 18  # all there are to train on
    page = workshop.http.get(f"/v1/jobs/{job['id']}/report.html", headers=workshop.headers).text
    assert "Predictions come from the box in int8" in page

    box = workshop.get(f"/v1/boxes/{job['box_id']}")
    assert box["precision"] == "int8"
    with workshop.runtime.database.reading() as session:
        row = session.get_one(Box, box["id"])
    served = b"".join(workshop.runtime.storage.read(row.served_key))
    assert hashlib.sha256(served).hexdigest() == box["int8_sha256"] == row.served_sha256
    download = workshop.http.get(f"/v1/boxes/{box['id']}/checkpoint?format=onnx", headers=workshop.headers).content
    assert hashlib.sha256(download).hexdigest() == box["onnx_sha256"]

    batch = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    logits = [run(content, batch) for content in (served, download)]
    assert not np.array_equal(*logits)
    path, sent = f"/v1/boxes/{box['id']}/predict?return=logits", {"Content-Type": "application/x-npy"}
    answer = workshop.http.post(path, content=as_npy(batch), headers=workshop.headers | sent)
    assert answer.status_code == 200, answer.text
    told = [one["logits"] for one in answer.json()["predictions"]]
    np.testing.assert_allclose(told, logits[0], atol=1e-5)


def run(content: bytes, batch: Inputs) -> Any:
    return ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"input": batch})[0]


def test_a_job_that_asks_for_nothing_leaves_no_int8_file(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "images.zip")
    job = workshop.finished_job(model, dataset, config={"epochs": 1})
    assert job["state"] == "succeeded", job["reason"]
    box = workshop.get(f"/v1/boxes/{job['box_id']}")
    assert (box["precision"], box["int8_sha256"]) == ("float32", None)
    assert [path.name for path in workshop.stored_files() if "int8" in path.name] == []


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path / "in", tmp_path / "out")
    made.artifacts.mkdir(parents=True)
    (made.artifacts / "report.html").write_text(PLAIN)
    return made


@pytest.mark.parametrize("missing", ["serving", "int8", "open", "mean"])
def test_without_its_measured_difference_an_int8_box_is_not_published(
    place: Workplace, tmp_path: Path, missing: str
) -> None:
    report = served_in_int8(full_report())
    runtime: Any = SimpleNamespace(storage=LocalStorage(tmp_path / "files"))
    (place.artifacts / "report.json").write_text(json.dumps(report))
    assert store_report(runtime, place, "jobs/whole", precision="int8")

    accuracy = report["serving"]["accuracy"]
    inside = {"serving": report, "int8": accuracy, "open": accuracy["int8"], "mean": accuracy["int8"]["open"]}
    del inside[missing][missing]
    (place.artifacts / "report.json").write_text(json.dumps(report))
    with pytest.raises(BadOutput):
        store_report(runtime, place, "jobs/lacking", precision="int8")
    assert runtime.storage.keys("jobs/lacking") == []
