"""Finding jobs and their events."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Job, JobEvent

OVER = ("succeeded", "failed", "cancelled")


def visible_jobs(caller: Caller) -> Select[Job]:
    return owned(select(Job), Job, caller)


def get_job(session: Session, caller: Caller, job_id: str) -> Job:
    """The caller's job. Raises `NotFound`."""
    found = session.execute(visible_jobs(caller).where(Job.id == job_id)).scalar_one_or_none()
    if found is None:
        raise not_found("job", job_id)
    return found


def events_after(session: Session, job_id: str, event_id: int, *, limit: int = 500) -> list[JobEvent]:
    statement = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > event_id)
    return list(session.execute(statement.order_by(JobEvent.id).limit(limit)).scalars())


def metric_events(session: Session, job_id: str) -> list[JobEvent]:
    statement = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == "metrics")
    return list(session.execute(statement.order_by(JobEvent.id)).scalars())
