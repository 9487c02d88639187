"""Claim, lease and fence, the same for jobs and for the checks of models and datasets."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Update, func, literal, select, update
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.errors import LostLease
from sdb_service.tables import Dataset, Job, JobEvent, Model
from sdb_service.telling import tell_webhooks

Row = Job | Model | Dataset


@dataclass(frozen=True)
class Kind:
    """What differs between the three kinds of claimable rows: the table and the names of its states."""

    name: str
    table: type[Row]
    waiting: str
    working: str
    done: str
    failed: str


JOBS = Kind("job", Job, "queued", "running", "succeeded", "failed")
MODELS = Kind("model", Model, "checking", "checking", "ready", "rejected")
DATASETS = Kind("dataset", Dataset, "checking", "checking", "ready", "rejected")
KINDS = (JOBS, MODELS, DATASETS)


@dataclass(frozen=True)
class Claim:
    """One worker's hold on one row; `attempt` and `owner` are the fence (a row given back repeats its attempt)."""

    kind: Kind
    id: str
    attempt: int
    owner: str


def claim(session: Session, kind: Kind, row_id: str, *, owner: str, lease_seconds: float) -> Claim | None:
    """Take a waiting row for `lease_seconds`; None where somebody else has it or it does not wait."""
    table = kind.table
    owner = f"{owner[:110]}#{secrets.token_hex(4)}"
    statement = (
        update(table)
        .where(table.id == row_id, table.state == kind.waiting, table.owner.is_(None))
        .values(
            state=kind.working,
            attempt=table.attempt + 1,
            owner=owner,
            lease_expires_at=clock.after(lease_seconds),
            error_code=None,
            error_detail=None,
        )
        .returning(table.attempt)
    )
    if kind is JOBS:
        first_start = func.coalesce(Job.started_at, literal(clock.now(), Job.started_at.type))
        statement = statement.where(Job.cancel_requested_at.is_(None)).values(started_at=first_start)
    attempt = session.execute(statement).scalar_one_or_none()
    if attempt is None:
        return None
    held = Claim(kind, row_id, attempt, owner)
    _tell_state(session, held, kind.working)
    return held


def extend(session: Session, held: Claim, *, lease_seconds: float) -> bool:
    """Renew the lease; True where somebody asked the job to stop.

    Raises:
        LostLease: another attempt owns the row.
    """
    table = held.kind.table
    asked = Job.cancel_requested_at if held.kind is JOBS else table.rung_at
    statement = _fenced(held).values(lease_expires_at=clock.after(lease_seconds)).returning(asked)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise LostLease(f"{held.kind.name} {held.id}")
    return held.kind is JOBS and found[0] is not None


def succeed(session: Session, held: Claim, **values: Any) -> None:
    """End the row well, with what the work found out about it."""
    _finish(session, held, held.kind.done, **values)


def fail(session: Session, held: Claim, *, code: str, detail: str) -> None:
    """End the row badly, with a stable code and the sentence that names the cure."""
    _finish(session, held, held.kind.failed, error_code=code[:64], error_detail=detail[:2000])


def release(session: Session, held: Claim) -> None:
    """Give the row back unfinished, as a worker does that is told to shut down; the attempt is not counted."""
    table = held.kind.table
    fence(session, held, state=held.kind.waiting, owner=None, lease_expires_at=None, attempt=table.attempt - 1)
    _tell_state(session, held, held.kind.waiting)


def retry(session: Session, held: Claim) -> None:
    """Give the row back after a child died; the attempt counts."""
    fence(session, held, state=held.kind.waiting, owner=None, lease_expires_at=None)
    _tell_state(session, held, held.kind.waiting)


def fence(session: Session, held: Claim, **values: Any) -> None:
    """Change the row in one statement, if this attempt still owns it.

    Raises:
        LostLease: another attempt owns the row; nothing was changed.
    """
    changed = session.execute(_fenced(held).values(**values).returning(held.kind.table.id)).one_or_none()
    if changed is None:
        raise LostLease(f"{held.kind.name} {held.id}")


def _finish(session: Session, held: Claim, state: str, **values: Any) -> None:
    if held.kind is JOBS:
        values |= job_over()
    fence(session, held, state=state, owner=None, lease_expires_at=None, **values)
    _tell_state(session, held, state)
    if held.kind is JOBS:
        tell_of_end(session, held.id)


def tell_of_end(session: Session, job_id: str) -> None:
    """Tell the owner's webhooks that a job has succeeded or failed."""
    statement = select(Job.account_id, Job.state, Job.box_id, Job.error_code).where(Job.id == job_id)
    owner, state, box_id, error_code = session.execute(statement).one()
    detail = {"box_id": box_id} if state == JOBS.done else {"error_code": error_code}
    tell_webhooks(session, f"job.{state}", job_id, accounts=(owner,), detail=detail)


def job_over() -> dict[str, Any]:
    """What every statement that ends a job also sets: when, and that its kappa in flight is gone."""
    return {"finished_at": clock.now(), "kappa_in_flight": None}


def _fenced(held: Claim) -> Update:
    table = held.kind.table
    return update(table).where(
        table.id == held.id, table.attempt == held.attempt, table.state == held.kind.working, table.owner == held.owner
    )


def _tell_state(session: Session, held: Claim, state: str) -> None:
    if held.kind is JOBS:
        session.add(JobEvent(job_id=held.id, attempt=held.attempt, kind="state", data={"state": state}))
