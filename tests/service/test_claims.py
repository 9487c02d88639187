"""Claim, lease and fence: one winner, and no word from those who lost."""

import random
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import clock, lifecycle
from sdb_service.db import Database
from sdb_service.errors import LostLease
from sdb_service.lifecycle import JOBS, KINDS, Claim, Kind
from sdb_service.tables import Box, Job, JobEvent
from tests.service.rows import a_box, add_row, claimed, seen

THREADS, ROWS = 8, 25

any_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)

LATE_WRITES: dict[str, Callable[[Session, Claim], object]] = {
    "extend": lambda session, held: lifecycle.extend(session, held, lease_seconds=60),
    "succeed": lifecycle.succeed,
    "fail": lambda session, held: lifecycle.fail(session, held, code="oops", detail="Oops."),
    "release": lifecycle.release,
    "note_progress": lambda session, held: lifecycle.note_progress(session, held, {"stage": "wrap"}),
    "remember_state": lambda session, held: lifecycle.remember_state(session, held, {"net": "a/key"}),
    "cancel_now": lifecycle.cancel_now,
    "publish_box": lambda session, held: lifecycle.publish_box(
        session, held, a_box(session.get_one(Job, held.id)), report_key=None
    ),
}


def test_many_threads_that_claim_many_rows_win_each_row_once(database: Database) -> None:
    rows = [add_row(database, JOBS) for _ in range(ROWS)]
    wins: Counter[str] = Counter()
    lock, start = threading.Lock(), threading.Barrier(THREADS)

    def work(number: int) -> None:
        mine = random.Random(number).sample(rows, len(rows))
        start.wait()
        for row_id in mine:
            with database.transaction() as session:
                held = lifecycle.claim(session, JOBS, row_id, owner=f"worker {number}", lease_seconds=60)
            if held:
                with lock:
                    wins[row_id] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == Counter(rows)
    assert {seen(database, JOBS, row_id).attempt for row_id in rows} == {1}


@any_kind
def test_a_claimed_row_names_its_owner_and_its_lease(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    before = clock.now()
    held = claimed(database, kind, row_id, owner="worker one", lease_seconds=60)
    row = seen(database, kind, row_id)
    assert (row.state, row.attempt, held.attempt) == (kind.working, 1, 1)
    assert row.owner.startswith("worker one")
    assert 55 < (row.lease_expires_at - before).total_seconds() < 70


@any_kind
def test_a_row_that_somebody_holds_cannot_be_claimed(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    claimed(database, kind, row_id)
    with database.transaction() as session:
        assert lifecycle.claim(session, kind, row_id, owner="two", lease_seconds=60) is None


@any_kind
def test_a_finished_row_cannot_be_claimed(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind, state=kind.done)
    with database.transaction() as session:
        assert lifecycle.claim(session, kind, row_id, owner="two", lease_seconds=60) is None


@any_kind
def test_a_row_ends_well_and_belongs_to_nobody(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    held = claimed(database, kind, row_id)
    with database.transaction() as session:
        lifecycle.succeed(session, held)
    row = seen(database, kind, row_id)
    assert (row.state, row.owner, row.lease_expires_at) == (kind.done, None, None)


@any_kind
def test_a_row_ends_badly_with_its_reason_cut_to_size(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    held = claimed(database, kind, row_id)
    with database.transaction() as session:
        lifecycle.fail(session, held, code="c" * 100, detail="d" * 3000)
    row = seen(database, kind, row_id)
    assert (row.state, row.error_code, row.error_detail) == (kind.failed, "c" * 64, "d" * 2000)


@any_kind
def test_a_released_row_waits_again_and_the_attempt_is_not_counted(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    held = claimed(database, kind, row_id)
    with database.transaction() as session:
        lifecycle.release(session, held)
    row = seen(database, kind, row_id)
    assert (row.state, row.owner, row.lease_expires_at, row.attempt) == (kind.waiting, None, None, 0)


def test_a_writer_whose_row_was_taken_over_is_refused(database: Database) -> None:
    row_id = add_row(database, JOBS)
    late = claimed(database, JOBS, row_id, lease_seconds=-1)
    _sweep(database)
    claimed(database, JOBS, row_id, owner="two")
    _every_write_is_refused(database, late)


def test_a_writer_whose_row_waits_again_is_refused(database: Database) -> None:
    row_id = add_row(database, JOBS)
    late = claimed(database, JOBS, row_id, lease_seconds=-1)
    _sweep(database)
    _every_write_is_refused(database, late)


def test_a_writer_who_gave_its_row_back_is_refused(database: Database) -> None:
    row_id = add_row(database, JOBS)
    late = claimed(database, JOBS, row_id, owner="worker")
    with database.transaction() as session:
        lifecycle.release(session, late)
    claimed(database, JOBS, row_id, owner="worker")
    _every_write_is_refused(database, late)


def test_a_writer_whose_row_is_finished_is_refused(database: Database) -> None:
    held = claimed(database, JOBS, add_row(database, JOBS))
    with database.transaction() as session:
        lifecycle.succeed(session, held)
    _every_write_is_refused(database, held)


@any_kind
def test_an_extended_lease_reaches_further(database: Database, kind: Kind) -> None:
    row_id = add_row(database, kind)
    held = claimed(database, kind, row_id, lease_seconds=1)
    with database.transaction() as session:
        asked_to_stop = lifecycle.extend(session, held, lease_seconds=100)
    assert asked_to_stop is False
    assert (seen(database, kind, row_id).lease_expires_at - clock.now()).total_seconds() > 90


def test_a_box_appears_together_with_the_end_of_its_job(database: Database) -> None:
    row_id = add_row(database, JOBS)
    held = claimed(database, JOBS, row_id)
    with database.transaction() as session:
        box = a_box(session.get_one(Job, row_id))
        lifecycle.publish_box(session, held, box, report_key="jobs/report.json")
    job = seen(database, JOBS, row_id)
    with database.reading() as session:
        assert session.execute(select(Box.id)).scalars().all() == [job.box_id]
    assert (job.state, job.report_key) == ("succeeded", "jobs/report.json")
    assert job.finished_at is not None


def _sweep(database: Database) -> None:
    with database.transaction() as session:
        lifecycle.sweep(session, max_attempts=5, ring_after_seconds=30)


def _every_write_is_refused(database: Database, late: Claim) -> None:
    before = _story(database, late.id)
    refused = {name for name, write in LATE_WRITES.items() if _is_refused(database, write, late)}
    assert refused == set(LATE_WRITES)
    assert _story(database, late.id) == before


def _is_refused(database: Database, write: Callable[[Session, Claim], object], late: Claim) -> bool:
    try:
        with database.transaction() as session:
            write(session, late)
    except LostLease:
        return True
    return False


def _story(database: Database, row_id: str) -> tuple[dict[str, object], list[int]]:
    with database.reading() as session:
        job = session.get_one(Job, row_id)
        columns = {column.name: getattr(job, column.name) for column in Job.__table__.columns}
        return columns, list(session.execute(select(JobEvent.id).order_by(JobEvent.id)).scalars())
