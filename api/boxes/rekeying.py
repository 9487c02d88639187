"""Deciding about re-keying: a job that makes the same box under a fresh key, and what may not be done meanwhile."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.boxes.queries import get_own_box
from api.jobs import schemas as job_schemas
from api.jobs import service as jobs
from sdb_service.errors import Conflict, NotFound
from sdb_service.identity import Caller
from sdb_service.lifecycle import JOBS
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Box, Job


def rekey(session: Session, caller: Caller, box_id: str, *, runtime: Runtime) -> Job:
    """Queue the box's job again, with a key drawn afresh; when it succeeds, its box takes this one's place.

    Raises:
        NotFound: the box is not the caller's own.
        Conflict: it was replaced, another job does so already, or what it was made of is gone.
    """
    box = get_own_box(session, caller, box_id)
    session.refresh(box, with_for_update=True)  # of two who ask at once the second sees the first one's job
    require_current(session, box.id)
    _require_no_other(session, box.id)
    made_by = session.get_one(Job, box.job_id)
    try:
        job = jobs.create(session, caller, _same(made_by), runtime=runtime)
    except NotFound as error:
        raise Conflict(
            "box_source_deleted",
            "The box's model or dataset was deleted, and a new key needs both; upload them again and make a new box.",
        ) from error
    job.replaces_box_id = box.id
    session.flush()
    record_act(session, caller, "box.rekey_begin", box.id, owner=box.account_id, detail={"job_id": job.id})
    return job


def require_current(session: Session, box_id: str) -> None:
    """Refuse what may not be done with a replaced box. Ask after the change is flushed: a re-keying waits for it, or
    is seen.

    Raises:
        Conflict: a re-keying has replaced the box.
    """
    replaced_by = session.execute(select(Box.replaced_by).where(Box.id == box_id)).scalar_one()
    if replaced_by is not None:
        raise Conflict("box_replaced", f"The box was replaced by {replaced_by} under a new key; use that one.")


def _require_no_other(session: Session, box_id: str) -> None:
    statement = select(Job.id).where(Job.replaces_box_id == box_id, Job.state.in_((JOBS.waiting, JOBS.working)))
    running = session.execute(statement.limit(1)).scalar_one_or_none()
    if running is not None:
        raise Conflict(
            "rekey_running", f"Job {running} makes a new key for this box already; wait for it or cancel it."
        )


def _same(job: Job) -> job_schemas.NewJob:
    # It was judged when it was made; what is asked for anew has not become wrong since.
    names = ("model_id", "dataset_id", "policy", "config", "precision", "seed")
    values: dict[str, Any] = {name: getattr(job, name) for name in names}
    values["evaluate"] = job_schemas.Evaluation.model_construct(**job.evaluate)
    return job_schemas.NewJob.model_construct(**values)
