"""An account holds so many event streams open at a time, and gets its place back when one ends."""

import pytest

from api.jobs.streams import Streams
from sdb_service.errors import TooManyRequests
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.problems import problem_of
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust


def test_so_many_streams_of_one_account_are_open_at_a_time() -> None:
    streams = Streams(2)
    one, again, other = (streams.one_of(who) for who in ("one", "one", "other"))
    with one, again, other, pytest.raises(TooManyRequests, match="event streams"), streams.one_of("one"):
        pass
    with streams.one_of("one"), streams.one_of("one"):
        pass


def test_a_stream_that_has_ended_leaves_its_place(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, event_streams=1) as house:
        provider = house.person("provider")
        job = house.job(provider, state="succeeded")
        streams = house.http.app.state.streams  # type: ignore[attr-defined]

        seen = [house.get(provider, f"/v1/jobs/{job}/events").status_code for _ in range(3)]
        with streams.one_of(provider.id):
            refused = house.get(provider, f"/v1/jobs/{job}/events")

    assert seen == [200, 200, 200]
    problem_of(refused, 429, "streams_limited")
