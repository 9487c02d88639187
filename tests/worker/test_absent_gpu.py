"""A whole job on a GPU, in this process: none is there, see `tests/absent_gpu.py` for what that can show."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from sdb_core.files import sha256_of
from sdb_core.observer import SilentObserver
from tests.absent_gpu import absent_gpu
from tests.worker.conftest import INPUT
from tests.worker.making import as_safetensors, image_folder, weights
from worker.child.wrapping import wrap_job
from worker.protocol import ARTIFACTS, BOX_CHECKPOINT, BOX_ONNX, DATASET_FILE, MODEL_FILE, REPORT, REPORT_PAGE, STATE


def spec(inputs: Path) -> dict[str, Any]:
    """A policy whose box of an untrained model cannot collapse."""
    model, data = (sha256_of(inputs / name) for name in (MODEL_FILE, DATASET_FILE))
    return {
        "job_id": "job",
        "box_id": "box",
        "names": {"model": "net", "data": "pictures"},
        "model": {
            "architecture": "sdb:cnn-mini",
            "num_classes": 2,
            "input": INPUT,
            "filename": "net.safetensors",
            "sha256": model,
        },
        "dataset": {"filename": "pictures.zip", "sha256": data},
        "policy": "ke",
        "config": {"epochs": 20, "batch_size": 8, "precision": "bfloat16"},
        "evaluate": {"level": "quick", "seeds": 1, "compare": [], "student_settings": {"epochs": 1}},
        "seed": 3,
        "tracing": None,
        "precision": "float32",
        "checkpoint_seconds": 60.0,
        "limits": {"device": "auto", "sandboxed": False},
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The child's workplace, with a model and pictures in it."""
    for folder in (f"inputs/{STATE}", "outputs/tmp", f"outputs/{ARTIFACTS}"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "inputs" / MODEL_FILE).write_bytes(as_safetensors(weights(classes=2)))
    (tmp_path / "inputs" / DATASET_FILE).write_bytes(image_folder())
    monkeypatch.chdir(tmp_path / "outputs")
    return tmp_path


def test_a_job_wraps_judges_and_exports_on_the_gpu_that_auto_finds(place: Path) -> None:
    kappa = bytes(8 * 8 * 4)
    with absent_gpu():
        done = wrap_job(spec(place / "inputs"), place / "inputs", place / "outputs", kappa, SilentObserver())
    made = place / "outputs" / ARTIFACTS
    assert done["onnx_max_difference"] < 1e-4
    assert load_file(made / BOX_CHECKPOINT).keys() == weights(classes=2).keys()
    assert json.loads((made / REPORT).read_bytes())["provenance"]["device"].startswith("cuda")
    assert (made / BOX_ONNX).stat().st_size > 0
    assert "cuda" in (made / REPORT_PAGE).read_text()
