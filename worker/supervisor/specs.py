"""What the child is told, as JSON: everything but the key."""

from typing import Any

from sdb_service import tracing
from sdb_service.settings import Settings
from sdb_service.tables import Dataset, Job, Model, Upload
from worker.supervisor import sandbox


def model_spec(model: Model, upload: Upload) -> dict[str, Any]:
    return {
        "architecture": model.architecture,
        "num_classes": model.num_classes,
        "input": model.input,
        "filename": upload.filename,
        "sha256": upload.sha256,
    }


def dataset_spec(dataset: Dataset, upload: Upload | None) -> dict[str, Any]:
    if upload is None:
        return {"builtin": dataset.builtin}
    return {"filename": upload.filename, "sha256": upload.sha256}


def limits_spec(settings: Settings) -> dict[str, Any]:
    return {
        "memory_bytes": settings.child_memory_bytes,
        "cpu_seconds": settings.job_seconds * 64,
        "file_bytes": 4 * settings.max_upload_bytes,
        "threads": settings.child_threads,
        "device": settings.device,
        "sandboxed": sandbox.sandboxed(settings),
    }


def job_spec(
    job: Job,
    model: Model,
    dataset: Dataset,
    *,
    model_upload: Upload,
    dataset_upload: Upload | None,
    settings: Settings,
) -> dict[str, Any]:
    return {
        "task": "wrap",
        "job_id": job.id,
        "box_id": job.box_id,
        "names": {"model": model.name, "data": dataset.name},
        "model": model_spec(model, model_upload),
        "dataset": dataset_spec(dataset, dataset_upload),
        "policy": job.policy,
        "config": job.config,
        "evaluate": job.evaluate,
        "precision": job.precision,
        "seed": job.seed,
        "tracing": tracing.promise(model.input["channels"] * model.input["height"] * model.input["width"]),
        "checkpoint_seconds": settings.checkpoint_seconds,
        "limits": limits_spec(settings),
    }
