"""`architecture: "program"`: the whole way where there is a sandbox, a reason where there is none."""

import io

import numpy as np
import pytest
import torch
from safetensors.torch import load

from tests.core.programs.making import CLASSES, SHAPE, Tiny, program_bytes
from tests.worker.conftest import Workshop
from tests.worker.making import as_npz, reason_of
from worker.supervisor import sandbox


@pytest.fixture(scope="module")
def program() -> bytes:
    torch.manual_seed(0)
    return program_bytes(Tiny())


def images() -> bytes:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (48, 8, 8), dtype=np.uint8)
    return as_npz(images=pictures, labels=np.arange(48) % CLASSES)


def test_a_program_is_wrapped_in_the_sandbox_and_predicts(workshop: Workshop, program: bytes) -> None:
    if not sandbox.sandboxed(workshop.runtime.settings):
        pytest.skip("PROGRAMS ARE NOT TESTED: bubblewrap does not work here")
    model = workshop.checked_model(program, "net.pt2", architecture="program", num_classes=CLASSES)
    assert model["state"] == "ready", model["reason"]
    assert model["summary"]["onnx_max_difference"] < 1e-3
    dataset = workshop.checked_dataset(images(), "images.npz")
    job = workshop.finished_job(
        model,
        dataset,
        policy="sdb",
        config={"epochs": 1, "min_steps": 0, "batch_size": 16},
    )
    assert job["state"] == "succeeded", job["reason"]
    headers = workshop.headers | {"Content-Type": "application/x-npy"}
    where = f"/v1/boxes/{job['box_id']}"
    answer = workshop.http.post(
        f"{where}/predict?return=logits", content=as_npy(np.zeros((2, *SHAPE))), headers=headers
    )
    assert answer.status_code == 200, answer.text
    weights = load(workshop.http.get(f"{where}/checkpoint", headers=workshop.headers).content)
    assert weights.keys() == Tiny().state_dict().keys()


def as_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array.astype(np.float32))
    return file.getvalue()


def test_a_program_is_rejected_where_there_is_no_sandbox(
    workshop: Workshop, program: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "bubblewrap_works", lambda: False)
    model = workshop.checked_model(program, "net.pt2", architecture="program", num_classes=CLASSES)
    assert (model["state"], reason_of(model)) == ("rejected", "program_untrusted")
    assert "bubblewrap" in model["reason"]["detail"]
