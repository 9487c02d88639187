"""The benchmark of token checks runs and says what it says it says."""

from concurrent.futures import ThreadPoolExecutor

import migrations
from bench.token_cost import measure
from sdb_service.runtime import open_runtime
from tests.servers.profiles import Profile


def test_each_way_of_checking_a_token_is_timed(embedded_profile: Profile) -> None:
    migrations.upgrade(embedded_profile.settings)
    runtime = open_runtime(embedded_profile.settings)

    with ThreadPoolExecutor(1) as thread:  # the main one may have an event loop already, Playwright's
        found = thread.submit(measure, runtime, tokens=20, rounds=10).result()
    runtime.database.close()

    assert set(found) == {"read", "session", "cached", "policy"}
    assert all(0 < numbers["median_ms"] <= numbers["p99_ms"] for numbers in found.values())
