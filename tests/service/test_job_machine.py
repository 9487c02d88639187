"""Jobs keep to their model in any order of events, on SQLite and Postgres."""

import pytest

from sdb_service import clock
from sdb_service.db import Database
from tests.machines import CI_STEPS, NIGHTLY_STEPS, run
from tests.service.job_machine import Clock, JobMachine

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("steps", [CI_STEPS, pytest.param(NIGHTLY_STEPS, marks=pytest.mark.nightly)])
def test_a_job_keeps_to_its_model_in_any_order_of_events(
    database: Database, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    moved = Clock(clock.now())
    monkeypatch.setattr(clock, "now", moved.now)

    assert run(JobMachine, steps, database=database, clock=moved) >= steps
