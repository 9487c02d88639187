"""Any torchvision classifier goes the whole way: upload, check, wrap for one short epoch, predict."""

import io

import numpy as np
import pytest

from tests.worker.conftest import Workshop
from tests.worker.making import as_safetensors, image_folder, weights

INPUT = {"channels": 3, "height": 64, "width": 64, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
ONE_SHORT_EPOCH = {"epochs": 1, "min_steps": 0, "batch_size": 8}


@pytest.mark.parametrize("name", ["torchvision:mobilenet_v3_small", "torchvision:vit_b_16"])
def test_a_torchvision_classifier_is_wrapped_and_predicts(workshop: Workshop, name: str) -> None:
    content = as_safetensors(weights(name, classes=2, side=64, channels=3))
    model = workshop.checked_model(content, architecture=name, num_classes=2, input=INPUT)
    assert model["state"] == "ready", model["reason"]
    dataset = workshop.checked_dataset(image_folder(side=64, colour=True), "pictures.zip")
    job = workshop.finished_job(model, dataset, config=ONE_SHORT_EPOCH)
    assert job["state"] == "succeeded", job["reason"]
    answer = workshop.http.post(
        f"/v1/boxes/{job['box_id']}/predict?return=probs,logits",
        content=npy(np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)),
        headers=workshop.headers | {"Content-Type": "application/x-npy"},
    )
    assert answer.status_code == 200, answer.text
    for prediction in answer.json()["predictions"]:
        assert sum(one["prob"] for one in prediction["probs"]) == pytest.approx(1, abs=1e-5)
        assert np.isfinite(prediction["logits"]).all()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
