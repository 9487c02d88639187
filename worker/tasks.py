"""The tasks: each takes one id, may run twice, and leaves the truth to the rows."""

from functools import lru_cache

from sdb_service import lifecycle
from sdb_service.broker import ring
from sdb_service.lifecycle import DATASETS, MODELS
from sdb_service.lifecycle.endings import tell_endings
from sdb_service.messages import CHECK_DATASET, CHECK_MODEL, RUN_JOB, SWEEP
from sdb_service.quotas.freeing import sweep_rows, sweep_storage
from sdb_service.runtime import WorkerRuntime, open_worker_runtime
from worker.app import app, settings
from worker.supervisor.checks import check
from worker.supervisor.jobs import run_job
from worker.supervisor.leftovers import clean_job


@lru_cache(maxsize=1)
def runtime() -> WorkerRuntime:
    """One for each worker process, opened at the first task."""
    return open_worker_runtime(settings, celery=app)


@app.task(name=RUN_JOB.task)
def run_job_task(job_id: str) -> None:
    run_job(runtime(), job_id)


@app.task(name=CHECK_MODEL.task)
def check_model_task(model_id: str) -> None:
    check(runtime(), MODELS, model_id)


@app.task(name=CHECK_DATASET.task)
def check_dataset_task(dataset_id: str) -> None:
    check(runtime(), DATASETS, dataset_id)


@app.task(name=SWEEP)
def sweep_task() -> None:
    """Put right what a dead worker or a forgetful broker left, and tell of licenses that have ended."""
    opened = runtime()
    with opened.database.transaction() as session:
        swept = lifecycle.sweep(
            session, max_attempts=settings.max_attempts, ring_after_seconds=max(30.0, 3 * settings.sweep_seconds)
        )
        tell_endings(session)
    for kind, row_id in swept.ring:
        ring(opened.celery, kind, row_id)
    for job_id in swept.given_up + swept.cancelled:
        clean_job(opened, job_id, keep=None)
    sweep_storage(opened)
    sweep_rows(opened)
