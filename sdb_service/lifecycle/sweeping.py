"""What a broker forgets and a dead worker leaves behind: found in the rows and put right."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, and_, or_, select, update
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.lifecycle.claims import JOBS, KINDS, Kind, job_over, tell_of_end
from sdb_service.tables import Job, JobEvent


@dataclass
class Swept:
    """Ids by what was done: requeued after a lost lease, given up after too many attempts, to be rung again."""

    requeued: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    ring: list[tuple[Kind, str]] = field(default_factory=list)


def sweep(session: Session, *, max_attempts: int, ring_after_seconds: float) -> Swept:
    """Requeue rows whose lease ran out, give up on those that failed too often, ring for rows nobody took."""
    swept = Swept()
    swept.cancelled = _end_cancelled(session)
    for kind in KINDS:
        swept.given_up += _end_lost(session, kind, max_attempts=max_attempts)
        swept.requeued += _requeue_lost(session, kind)
        swept.ring += [(kind, row_id) for row_id in _unheard(session, kind, ring_after_seconds=ring_after_seconds)]
    return swept


def _requeue_lost(session: Session, kind: Kind) -> list[str]:
    table = kind.table
    statement = (
        update(table)
        .where(table.state == kind.working, table.lease_expires_at < clock.now())
        .values(state=kind.waiting, owner=None, lease_expires_at=None, rung_at=clock.after(-3600))
        .returning(table.id, table.attempt)
    )
    return _tell(session, kind, kind.waiting, session.execute(statement))


def _end_lost(session: Session, kind: Kind, *, max_attempts: int) -> list[str]:
    table = kind.table
    values: dict[str, Any] = {
        "state": kind.failed,
        "owner": None,
        "lease_expires_at": None,
        "error_code": "worker_lost",
        "error_detail": f"The worker was lost {max_attempts} times during this {kind.name}; look into the worker's log "
        "(memory is the usual cause) and start it again.",
    }
    if kind is JOBS:
        values |= job_over()
    statement = (
        update(table)
        .where(table.state == kind.working, table.lease_expires_at < clock.now(), table.attempt >= max_attempts)
        .values(**values)
        .returning(table.id, table.attempt)
    )
    ended = _tell(session, kind, kind.failed, session.execute(statement))
    for job_id in ended if kind is JOBS else ():
        tell_of_end(session, job_id)
    return ended


def _end_cancelled(session: Session) -> list[str]:
    statement = (
        update(Job)
        .where(
            Job.cancel_requested_at.is_not(None),
            or_(
                Job.state == JOBS.waiting,  # given back by a worker that was told to shut down
                and_(Job.state == JOBS.working, Job.lease_expires_at < clock.now()),
            ),
        )
        .values(state="cancelled", owner=None, lease_expires_at=None, **job_over())
        .returning(Job.id, Job.attempt)
    )
    return _tell(session, JOBS, "cancelled", session.execute(statement))


def _unheard(session: Session, kind: Kind, *, ring_after_seconds: float) -> list[str]:
    table = kind.table
    waiting = select(table.id).where(
        table.state == kind.waiting, table.owner.is_(None), table.rung_at < clock.after(-ring_after_seconds)
    )
    ids = list(session.execute(waiting.order_by(table.created_at).limit(1000)).scalars())
    if ids:
        session.execute(update(table).where(table.id.in_(ids)).values(rung_at=clock.now()))
    return ids


def _tell(session: Session, kind: Kind, state: str, found: Iterable[Row[str, int]]) -> list[str]:
    rows = list(found)
    if kind is JOBS:
        session.add_all(
            JobEvent(job_id=job_id, attempt=attempt, kind="state", data={"state": state}) for job_id, attempt in rows
        )
    return [row_id for row_id, _ in rows]
