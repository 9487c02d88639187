"""Cancel is a column: a waiting job ends at once, a running one at its next step, a finished one not at all."""

import pytest

from sdb_service import lifecycle
from sdb_service.db import Database
from sdb_service.lifecycle import JOBS
from tests.service.rows import add_row, claimed, seen


def test_a_waiting_job_is_cancelled_at_once(database: Database) -> None:
    row_id = add_row(database, JOBS)
    assert _cancel(database, row_id) is True
    row = seen(database, JOBS, row_id)
    assert row.state == "cancelled"
    assert row.finished_at is not None


def test_a_cancelled_job_is_never_claimed(database: Database) -> None:
    row_id = add_row(database, JOBS)
    _cancel(database, row_id)
    with database.transaction() as session:
        assert lifecycle.claim(session, JOBS, row_id, owner="one", lease_seconds=60) is None


def test_a_running_job_hears_of_it_at_its_next_heartbeat_and_ends_as_cancelled(database: Database) -> None:
    row_id = add_row(database, JOBS)
    held = claimed(database, JOBS, row_id)
    assert _cancel(database, row_id) is True
    assert seen(database, JOBS, row_id).state == "running"
    with database.transaction() as session:
        assert lifecycle.extend(session, held, lease_seconds=60) is True
        lifecycle.cancel_now(session, held)
    row = seen(database, JOBS, row_id)
    assert (row.state, row.owner, row.lease_expires_at) == ("cancelled", None, None)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_stays_as_it_is(database: Database, state: str) -> None:
    row_id = add_row(database, JOBS, state=state)
    assert _cancel(database, row_id) is False
    row = seen(database, JOBS, row_id)
    assert (row.state, row.cancel_requested_at) == (state, None)


def test_a_job_that_does_not_exist_cannot_be_cancelled(database: Database) -> None:
    assert _cancel(database, "job_of_nobody") is False


def _cancel(database: Database, row_id: str) -> bool:
    with database.transaction() as session:
        return lifecycle.cancel(session, row_id)
