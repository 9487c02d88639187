"""Files of attempts that published nothing."""

from sdb_service.runtime import WorkerRuntime


def clean_job(runtime: WorkerRuntime, job_id: str, *, keep: int | None) -> None:
    """Delete what the job's attempts stored, except the artifacts of the attempt that published."""
    kept = f"jobs/{job_id}/{keep}/artifacts/" if keep is not None else None
    for key in runtime.storage.keys(f"jobs/{job_id}"):
        if kept is None or not key.startswith(kept):
            runtime.storage.delete(key)
