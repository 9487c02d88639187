"""Use is the sum of what was begun and not given back, in any order, on SQLite and Postgres."""

import pytest

from sdb_service.db import Database
from sdb_service.settings import Settings
from tests.machines import CI_STEPS, NIGHTLY_STEPS, run
from tests.service.quota_machine import QuotaMachine

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("steps", [CI_STEPS, pytest.param(NIGHTLY_STEPS, marks=pytest.mark.nightly)])
def test_use_is_what_was_begun_and_not_given_back_in_any_order(
    database: Database, any_settings: Settings, steps: int
) -> None:
    assert run(QuotaMachine, steps, database=database, settings=any_settings) >= steps
