"""Kappa of a job in flight is wiped by whatever ends the job, and by nothing else."""

from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from sdb_service import clock, lifecycle
from sdb_service.db import Database
from sdb_service.lifecycle import JOBS, Claim
from sdb_service.tables import Job
from tests.service.rows import a_box, add_row, claimed

pytestmark = pytest.mark.trust

SEALED = b"sealed"


def _lost(session: Session, held: Claim, *, attempts: int) -> None:
    session.execute(update(Job).where(Job.id == held.id).values(lease_expires_at=clock.after(-1)))
    lifecycle.sweep(session, max_attempts=attempts, ring_after_seconds=30)


def _publish(session: Session, held: Claim) -> None:
    lifecycle.publish_box(session, held, a_box(session.get_one(Job, held.id)), report_key=None)


def _cancel_released(session: Session, held: Claim) -> None:
    lifecycle.release(session, held)
    lifecycle.cancel(session, held.id)


def _sweep_cancelled(session: Session, held: Claim) -> None:
    lifecycle.cancel(session, held.id)
    _lost(session, held, attempts=5)


ENDS: dict[str, Callable[[Session, Claim], object]] = {
    "published": _publish,
    "failed": lambda session, held: lifecycle.fail(session, held, code="x", detail="y"),
    "cancelled by its worker": lifecycle.cancel_now,
    "cancelled while it waits": _cancel_released,
    "cancelled and its worker lost": _sweep_cancelled,
    "given up": lambda session, held: _lost(session, held, attempts=1),
}
GOES_ON: dict[str, Callable[[Session, Claim], object]] = {
    "released": lifecycle.release,
    "retried": lifecycle.retry,
    "requeued": lambda session, held: _lost(session, held, attempts=5),
    "asked to cancel": lambda session, held: lifecycle.cancel(session, held.id),
}


def _kept_after(database: Database, act: Callable[[Session, Claim], object]) -> tuple[str, bytes | None]:
    held = claimed(database, JOBS, add_row(database, JOBS))
    with database.transaction() as session:
        lifecycle.keep_kappa(session, held, SEALED)
    with database.transaction() as session:
        act(session, held)
    with database.reading() as session:
        job = session.get_one(Job, held.id)
        return job.state, job.kappa_in_flight


@pytest.mark.parametrize("end", ENDS)
def test_the_statement_that_ends_a_job_wipes_its_key_in_flight(database: Database, end: str) -> None:
    state, kept = _kept_after(database, ENDS[end])
    assert state in {"succeeded", "failed", "cancelled"}
    assert kept is None


@pytest.mark.parametrize("act", GOES_ON)
def test_a_job_that_goes_on_keeps_it(database: Database, act: str) -> None:
    state, kept = _kept_after(database, GOES_ON[act])
    assert state in {"queued", "running"}
    assert kept == SEALED
