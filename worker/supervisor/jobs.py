"""One wrap job, from claim to published box."""

import logging
from typing import Any

from sdb_service import lifecycle
from sdb_service.broker import ring_after_commit
from sdb_service.errors import KeyServiceUnavailable, LostLease
from sdb_service.lifecycle import JOBS, Claim
from sdb_service.runtime import WorkerRuntime
from sdb_service.secret import Secret
from sdb_service.tables import Dataset, Job, Model, Upload
from worker.protocol import CHECKPOINT, DATASET_FILE, METRICS, MODEL_FILE, PROGRESS, STATE
from worker.supervisor.child import started
from worker.supervisor.heartbeat import Heartbeat
from worker.supervisor.kappa import kappa_of_job
from worker.supervisor.leftovers import clean_job
from worker.supervisor.publishing import publish
from worker.supervisor.specs import job_spec
from worker.supervisor.watching import Died, Done, Failed, Lines, Outcome, Stopped, owner_name, watch
from worker.supervisor.workplace import Workplace, workplace

log = logging.getLogger(__name__)


def run_job(runtime: WorkerRuntime, job_id: str) -> None:
    """Claim the job and see it to an end; do nothing where another worker has it. Safe to call twice."""
    settings = runtime.settings
    with runtime.database.transaction() as session:
        held = lifecycle.claim(session, JOBS, job_id, owner=owner_name(), lease_seconds=settings.lease_seconds)
    if held is None:
        log.info("nothing to do", extra={"job_id": job_id})
        return
    log.info("job claimed", extra={"job_id": job_id, "attempt": held.attempt})
    try:
        with Heartbeat(runtime, held) as beat, workplace(settings, held) as place:
            job, kappa = _prepare(runtime, held, place)
            with started(settings, place, kappa=kappa) as child:
                outcome = watch(runtime, child, beat, tell=_Teller(runtime, held, job, place))
            _conclude(runtime, held, job, place, outcome)
    except LostLease:
        log.warning("lease lost; another attempt goes on", extra={"job_id": job_id, "attempt": held.attempt})
    except KeyServiceUnavailable as error:
        log.error("the job waits for the key service", extra={"job_id": job_id, "reason": error.detail})
        _give_back(runtime, held)
    except Exception:
        log.exception("a job broke", extra={"job_id": job_id})
        _end_broken(runtime, held)


def _prepare(runtime: WorkerRuntime, held: Claim, place: Workplace) -> tuple[Job, Secret]:
    """Lay out the inputs and the key."""
    with runtime.database.transaction() as session:
        job = session.get_one(Job, held.id)
        model = session.get_one(Model, job.model_id)
        dataset = session.get_one(Dataset, job.dataset_id)
        model_upload = session.get_one(Upload, model.upload_id)
        dataset_upload = session.get(Upload, dataset.upload_id) if dataset.upload_id else None
        kappa = kappa_of_job(session, held, job, model.input, runtime=runtime)
    runtime.storage.fetch(model_upload.storage_key, place.inputs / MODEL_FILE)
    if dataset_upload is not None:
        runtime.storage.fetch(dataset_upload.storage_key, place.inputs / DATASET_FILE)
    for name, key in job.resume.items():
        runtime.storage.fetch(key, place.inputs / STATE / name)
    place.write_spec(
        job_spec(
            job, model, dataset, model_upload=model_upload, dataset_upload=dataset_upload, settings=runtime.settings
        )
    )
    return job, kappa


class _Teller:
    """Writes what the child says into the rows, a batch a transaction."""

    def __init__(self, runtime: WorkerRuntime, held: Claim, job: Job, place: Workplace) -> None:
        self._runtime = runtime
        self._held = held
        self._place = place
        self._resume: dict[str, str] = dict(job.resume)

    def __call__(self, lines: Lines) -> None:
        stored = [self._store(str(line.get("file"))) for line in lines if line.get("event") == CHECKPOINT]
        progress = [_plain(line, "stage", "done", "total") for line in lines if line.get("event") == PROGRESS]
        with self._runtime.database.transaction() as session:
            if stored:
                lifecycle.remember_state(session, self._held, self._resume)
            for line in lines:
                if line.get("event") == METRICS:
                    lifecycle.tell(session, self._held, "metrics", _plain(line, "stage", "step", "values"))
            if progress:
                lifecycle.note_progress(session, self._held, progress[-1])

    def _store(self, name: str) -> str:
        """Keep a file of the child's state where a later attempt finds it, on whatever machine that runs."""
        path = self._place.state / name
        if path.parent != self._place.state or path.is_symlink() or not path.is_file():
            raise ValueError("the child named a state file that is not one")
        key = f"jobs/{self._held.id}/{self._held.attempt}/state/{name}"
        self._runtime.storage.put_file(key, path)
        self._resume[name] = key
        return key


def _conclude(runtime: WorkerRuntime, held: Claim, job: Job, place: Workplace, outcome: Outcome) -> None:
    match outcome:
        case Done(result):
            publish(runtime, held, place, result)
            clean_job(runtime, held.id, keep=held.attempt)
        case Failed(code, detail):
            with runtime.database.transaction() as session:
                lifecycle.fail(session, held, code=code, detail=detail)
            clean_job(runtime, held.id, keep=None)
        case Died(why):
            _retry_or_give_up(runtime, held, why)
        case Stopped("cancelled"):
            with runtime.database.transaction() as session:
                lifecycle.cancel_now(session, held)
            clean_job(runtime, held.id, keep=None)
        case Stopped("shutdown"):
            with runtime.database.transaction() as session:
                lifecycle.release(session, held)
                ring_after_commit(session, runtime.celery, JOBS, held.id)
        case Stopped(_):
            raise LostLease(f"job {job.id}")


def _retry_or_give_up(runtime: WorkerRuntime, held: Claim, why: str) -> None:
    with runtime.database.transaction() as session:
        if held.attempt < runtime.settings.max_attempts:
            lifecycle.retry(session, held)
            ring_after_commit(session, runtime.celery, JOBS, held.id)
            return
        detail = (
            f"The training process ended {held.attempt} times ({why}), most likely for want of memory; "
            "use a smaller batch_size in config, or give the worker more memory."
        )
        lifecycle.fail(session, held, code="child_died", detail=detail)
    clean_job(runtime, held.id, keep=None)


def _end_broken(runtime: WorkerRuntime, held: Claim) -> None:
    detail = "Something broke in the worker; its log says what. Start the job again, or tell the operator its id."
    try:
        with runtime.database.transaction() as session:
            lifecycle.fail(session, held, code="internal", detail=detail)
    except LostLease:
        log.warning("the broken job was lost already", extra={"job_id": held.id})


def _give_back(runtime: WorkerRuntime, held: Claim) -> None:
    """Back into the queue, the attempt not counted; nobody is rung: the sweeper does that after a while."""
    try:
        with runtime.database.transaction() as session:
            lifecycle.release(session, held)
    except LostLease:
        log.warning("the job was lost already", extra={"job_id": held.id})


def _plain(line: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: line.get(name) for name in names}
