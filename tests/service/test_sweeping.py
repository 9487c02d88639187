"""What a broker forgets and a dead worker leaves behind is found in the rows."""

import pytest
from sqlalchemy import select, update

from sdb_service import clock, lifecycle
from sdb_service.db import Database
from sdb_service.lifecycle import JOBS, KINDS, Kind, Swept
from sdb_service.tables import JobEvent
from tests.service.rows import add_row, claimed, seen

any_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@any_kind
def test_a_row_whose_lease_ran_out_is_requeued_and_rung_at_once(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    claimed(database, kind, row_id, lease_seconds=-1)
    swept = _sweep(database)
    row = seen(database, kind, row_id)
    assert swept.requeued == [row_id]
    assert swept.ring == [(kind, row_id)]
    assert (row.state, row.owner, row.lease_expires_at, row.attempt) == (kind.waiting, None, None, 1)


@any_kind
def test_a_row_whose_lease_still_runs_is_left_alone(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    claimed(database, kind, row_id, lease_seconds=60)
    assert _sweep(database) == Swept()
    assert seen(database, kind, row_id).owner is not None


@any_kind
def test_a_row_lost_too_often_is_given_up_with_a_reason(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    for _ in range(2):
        claimed(database, kind, row_id, lease_seconds=-1)
        assert _sweep(database, max_attempts=3).requeued == [row_id]
    claimed(database, kind, row_id, lease_seconds=-1)
    swept = _sweep(database, max_attempts=3)
    row = seen(database, kind, row_id)
    assert (swept.given_up, swept.requeued, swept.ring) == ([row_id], [], [])
    assert (row.state, row.error_code, row.owner, row.attempt) == (kind.failed, "worker_lost", None, 3)
    assert "3 times" in row.error_detail


def test_the_reason_of_an_earlier_attempt_is_forgotten_when_the_next_begins(database: Database) -> None:
    row_id = add_row(database, JOBS, error_code="old", error_detail="Old.")
    claimed(database, JOBS, row_id)
    assert seen(database, JOBS, row_id).error_code is None


@any_kind
def test_a_waiting_row_that_nobody_heard_is_rung_again_but_not_at_every_sweep(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    _heard_last(database, kind, row_id, seconds_ago=31)
    assert _sweep(database).ring == [(kind, row_id)]
    assert _sweep(database).ring == []


@any_kind
def test_a_row_rung_a_moment_ago_is_not_rung_again(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    _heard_last(database, kind, row_id, seconds_ago=20)
    assert _sweep(database).ring == []


@any_kind
def test_nobody_rings_for_a_finished_row(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind, state=kind.done)
    _heard_last(database, kind, row_id, seconds_ago=3600)
    assert _sweep(database) == Swept()


def test_a_lost_job_that_was_asked_to_stop_is_ended_not_requeued(database: Database) -> None:
    row_id = add_row(database, JOBS)
    claimed(database, JOBS, row_id, lease_seconds=-1)
    with database.transaction() as session:
        lifecycle.cancel(session, row_id)
    swept = _sweep(database)
    row = seen(database, JOBS, row_id)
    assert (swept.cancelled, swept.requeued, swept.ring) == ([row_id], [], [])
    assert (row.state, row.owner) == ("cancelled", None)
    assert row.finished_at is not None


def test_a_job_given_back_by_its_worker_after_it_was_asked_to_stop_is_ended(database: Database) -> None:
    row_id = add_row(database, JOBS)
    held = claimed(database, JOBS, row_id)
    with database.transaction() as session:
        lifecycle.cancel(session, row_id)
    with database.transaction() as session:
        lifecycle.release(session, held)
    _heard_last(database, JOBS, row_id, seconds_ago=3600)
    swept = _sweep(database)
    assert (swept.cancelled, swept.ring) == ([row_id], [])
    assert seen(database, JOBS, row_id).state == "cancelled"


def test_the_story_of_a_lost_job_is_told_in_its_events(database: Database) -> None:
    row_id = add_row(database, JOBS)
    claimed(database, JOBS, row_id, lease_seconds=-1)
    _sweep(database)
    held = claimed(database, JOBS, row_id)
    with database.transaction() as session:
        lifecycle.succeed(session, held)
    with database.reading() as session:
        told = session.execute(select(JobEvent.attempt, JobEvent.data).order_by(JobEvent.id)).all()
    states = [(attempt, data["state"]) for attempt, data in told]
    assert states == [(1, "running"), (1, "queued"), (2, "running"), (2, "succeeded")]


def _sweep(database: Database, *, max_attempts: int = 5) -> Swept:
    with database.transaction() as session:
        return lifecycle.sweep(session, max_attempts=max_attempts, ring_after_seconds=30)


def _heard_last(database: Database, kind: Kind, row_id: str, *, seconds_ago: float) -> None:
    table = kind.table
    with database.transaction() as session:
        session.execute(update(table).where(table.id == row_id).values(rung_at=clock.after(-seconds_ago)))
