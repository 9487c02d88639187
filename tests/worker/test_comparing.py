"""The policies that a job wraps beside its own follow what the job was told."""

from sdb_core.settings import WrapSettings
from tests.worker.conftest import Workshop
from tests.worker.making import as_safetensors, image_folder, weights

EVALUATE = {"level": "quick", "seeds": 1, "epochs": 1, "student": "sdb:cnn-mini", "compare": ["nasty"]}
CONFIG = {"preset": "quick", "batch_size": 6, "lr": 0.001, "mixup": 0.25}


def test_a_policy_beside_follows_the_jobs_preset_and_training(workshop: Workshop) -> None:
    model = workshop.checked_model(as_safetensors(weights(classes=2)), num_classes=2)
    dataset = workshop.checked_dataset(image_folder(), "images.zip")
    job = workshop.finished_job(model, dataset, policy="sdb-hardened", config=CONFIG, evaluate=EVALUATE)
    assert job["state"] == "succeeded", job["reason"]
    report = workshop.get(f"/v1/jobs/{job['id']}/report")
    assert report["not_measured"] == []
    ours, beside = report["provenance"]["config"]["wrap"], report["comparison"]["nasty"]["config"]
    assert (beside["epochs"], beside["min_steps"]) == (5, 300)  # the preset's
    assert (beside["batch_size"], beside["lr"]) == (6, 0.001)
    assert (beside["mixup"], ours["mixup"]) == (WrapSettings.for_policy("nasty").mixup, 0.25)
