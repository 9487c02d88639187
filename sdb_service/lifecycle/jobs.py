"""What happens to a job between its claim and its end: progress, resumable state, cancel, and the box it makes."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.lifecycle.claims import JOBS, Claim, fence, job_over, succeed
from sdb_service.lifecycle.rekeying import take_over
from sdb_service.tables import Box, Job, JobEvent


def note_progress(session: Session, held: Claim, progress: dict[str, Any]) -> None:
    """Show how far the job is: `{"stage", "done", "total"}`."""
    fence(session, held, progress=progress)
    tell(session, held, "progress", progress)


def tell(session: Session, held: Claim, kind: str, data: dict[str, Any]) -> None:
    """Add a line to the job's event stream; the fence is checked by the write that comes with it."""
    session.add(JobEvent(job_id=held.id, attempt=held.attempt, kind=kind, data=data))


def remember_state(session: Session, held: Claim, resume: dict[str, str]) -> None:
    """Record where the files lie from which a later attempt resumes: `{name: storage key}`."""
    fence(session, held, resume=resume)


def keep_kappa(session: Session, held: Claim, sealed: bytes) -> None:
    """Keep a kappa that was just drawn for the job's later attempts; what earlier ones trained was for another one."""
    fence(session, held, kappa_in_flight=sealed, resume={})


def publish_box(session: Session, held: Claim, box: Box, *, report_key: str | None, stored_bytes: int = 0) -> None:
    """End the job and let its box appear, in one transaction: there is no box without a finished job.

    `stored_bytes` is the size of all its artifacts, which takes the place of what the job had reserved. The box of a
    re-keying takes the place of the one it replaces in the same transaction.
    """
    succeed(session, held, report_key=report_key, stored_bytes=stored_bytes)
    session.add(box)
    session.flush()
    replaced = session.execute(select(Job.replaces_box_id).where(Job.id == held.id)).scalar_one()
    if replaced is not None:
        take_over(session, box, replaced)


def cancel(session: Session, job_id: str) -> bool:
    """Ask a job to stop. A waiting one ends at once; a running one is stopped by its worker. False if it is over."""
    waiting = (
        update(Job)
        .where(Job.id == job_id, Job.state == JOBS.waiting)
        .values(state="cancelled", cancel_requested_at=clock.now(), **job_over())
        .returning(Job.attempt)
    )
    attempt = session.execute(waiting).scalar_one_or_none()
    if attempt is not None:
        session.add(JobEvent(job_id=job_id, attempt=attempt, kind="state", data={"state": "cancelled"}))
        return True
    running = (
        update(Job)
        .where(Job.id == job_id, Job.state == JOBS.working)
        .values(cancel_requested_at=clock.now())
        .returning(Job.id)
    )
    return session.execute(running).scalar_one_or_none() is not None


def cancel_requested(session: Session, held: Claim) -> bool:
    """Whether somebody asked this job to stop. Checks of models and datasets are too short to be asked."""
    if held.kind is not JOBS:
        return False
    return session.execute(select(Job.cancel_requested_at).where(Job.id == held.id)).scalar_one_or_none() is not None


def cancel_now(session: Session, held: Claim) -> None:
    """End a running job as cancelled, by the worker that owns it."""
    fence(session, held, state="cancelled", owner=None, lease_expires_at=None, **job_over())
    tell(session, held, "state", {"state": "cancelled"})
