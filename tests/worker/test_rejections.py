"""Bad input: each a rejected or failed state with its own code and a sentence that names the cure."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.conftest import Workshop
from tests.worker.making import as_npz, as_safetensors, image_folder, reason_of, weights


class Trap:
    """What a pickle with code does when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.target}",)


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def without_first(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(list(tensors.items())[1:])


def with_nan(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = next(iter(tensors))
    return tensors | {name: torch.full_like(tensors[name], float("nan"))}


def flattened(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = next(iter(tensors))
    return tensors | {name: tensors[name].flatten()}


BAD_CHECKPOINTS = {
    "weights_missing": lambda: (as_safetensors(without_first(weights())), {}),
    "weights_unexpected": lambda: (as_safetensors(weights() | {"extra": torch.zeros(3)}), {}),
    "weights_shape_mismatch": lambda: (as_safetensors(flattened(weights())), {}),
    "num_classes_mismatch": lambda: (as_safetensors(weights(classes=7)), {}),
    "weights_not_finite": lambda: (as_safetensors(with_nan(weights())), {}),
    "checkpoint_unreadable": lambda: (as_safetensors(weights())[:5000], {}),
    "unknown_architecture": lambda: (as_safetensors(weights()), {"architecture": "sdb:cmn"}),
}


@pytest.mark.parametrize("code", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_rejected_with_its_own_reason(workshop: Workshop, code: str) -> None:
    content, changes = BAD_CHECKPOINTS[code]()
    model = workshop.checked_model(content, **changes)
    assert (model["state"], reason_of(model)) == ("rejected", code)
    assert workshop.stored_files("work") == []


def test_a_pickle_with_code_is_rejected_and_its_code_never_runs(workshop: Workshop, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    model = workshop.checked_model(saved({"weight": Trap(trace)}), "net.pt")
    assert (model["state"], reason_of(model)) == ("rejected", "checkpoint_unsafe")
    assert not trace.exists()
    assert pickle.dumps(Trap(trace)), "the trap is a real pickle"


def test_a_plain_torch_state_dict_is_taken(workshop: Workshop) -> None:
    model = workshop.checked_model(saved({"state_dict": weights()}), "net.pth")
    assert model["state"] == "ready", model["reason"]
    assert model["summary"]["onnx_max_difference"] < 1e-3


def _not_an_image() -> bytes:
    file = io.BytesIO(image_folder())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("train/class0/broken.png", b"this is no picture")
    return file.getvalue()


BAD_DATASETS = {
    "dataset_one_class": lambda: (image_folder(classes=1), "one.zip"),
    "dataset_image_unreadable": lambda: (_not_an_image(), "broken.zip"),
    "dataset_unreadable": lambda: (image_folder()[:300], "cut.zip"),
    "dataset_labels_invalid": lambda: (
        as_npz(images=np.zeros((40, 8, 8), np.uint8), labels=np.array([0, 2] * 20)),
        "gap.npz",
    ),
}


@pytest.mark.parametrize("code", BAD_DATASETS)
def test_a_bad_dataset_is_rejected_with_its_own_reason(workshop: Workshop, code: str) -> None:
    content, filename = BAD_DATASETS[code]()
    dataset = workshop.checked_dataset(content, filename)
    assert (dataset["state"], reason_of(dataset)) == ("rejected", code)


def test_a_setting_that_does_not_exist_fails_the_job_and_publishes_nothing(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "good.zip")
    job = workshop.finished_job(model, dataset, config={"lamda": 0.5})
    assert (job["state"], reason_of(job)) == ("failed", "invalid_settings")
    assert "lam" in job["reason"]["detail"]
    assert workshop.get("/v1/boxes")["data"] == []
    assert workshop.stored_files("files/jobs") == []


def test_a_dataset_of_other_images_than_the_models_is_refused_before_any_work(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(side=10), "large.zip")
    body = {"model_id": model["id"], "dataset_id": dataset["id"]}
    assert workshop.post("/v1/jobs", body, status=422)["code"] == "image_shape_mismatch"


SHORT = {"epochs": 1, "min_steps": 0, "batch_size": 8}
DIVERGING = [
    (
        "sdb-hardened",
        {"optimiser": "sgd", "lr": 1e30, "clip": 0.0, "warmup": 0.0, "min_steps": 50},
        "training_diverged",
    ),
    ("sdb", {**SHORT, "omega": 1e300}, "training_diverged"),
    ("nasty", {**SHORT, "omega": 10**400}, "invalid_settings"),
]


@pytest.mark.parametrize(("policy", "config", "code"), DIVERGING)
def test_training_that_diverges_fails_the_job_and_publishes_nothing(
    workshop: Workshop, policy: str, config: dict[str, object], code: str
) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "good.zip")
    job = workshop.finished_job(model, dataset, policy=policy, config=config)
    assert (job["state"], reason_of(job)) == ("failed", code)
    assert job["box_id"] is None
    assert workshop.get("/v1/boxes")["data"] == []
    assert workshop.stored_files("files/jobs") == []


def test_a_student_that_cannot_read_the_images_fails_the_job_before_it_is_wrapped(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "good.zip")
    job = workshop.finished_job(model, dataset, evaluate={"level": "quick", "student": "torchvision:vit_b_16"})
    assert (job["state"], reason_of(job)) == ("failed", "architecture_refused")
    assert "another student" in job["reason"]["detail"]
    assert job["progress"] == {}
