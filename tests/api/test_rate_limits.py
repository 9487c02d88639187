"""Requests are counted by token, account and address, in a minute that slides, and also while Redis is away."""

import logging
import time

import pytest

import api.limits
from api.limits import Counters, address_group
from sdb_service import credentials
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.servers.profiles import Profile, Servers

pytestmark = pytest.mark.trust


class Moved:
    """The time that the counters see."""

    def __init__(self) -> None:
        self.at = 6_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Moved:
    clock = Moved()
    monkeypatch.setattr(time, "time", clock)
    return clock


def taken(counters: Counters, *, limit: int, tries: int) -> int:
    return sum(counters.hit("token", "one", limit).allowed for _ in range(tries))


def test_around_the_full_minute_nobody_gets_twice_the_limit(moved: Moved) -> None:
    counters = Counters("")
    moved.at += 59
    assert taken(counters, limit=60, tries=100) == 60

    moved.at += 2

    assert taken(counters, limit=60, tries=100) <= 2
    moved.at += 29
    assert 25 <= taken(counters, limit=60, tries=100) <= 31


@pytest.mark.parametrize("into_the_minute", [0, 1, 30, 59])
@pytest.mark.parametrize("limit", [1, 3, 60])
def test_one_more_fits_after_the_wait_that_is_told_and_none_before(
    moved: Moved, into_the_minute: int, limit: int
) -> None:
    counters = Counters("")
    moved.at += into_the_minute
    taken(counters, limit=limit, tries=limit)
    refused = counters.hit("token", "one", limit)
    assert not refused.allowed
    assert 1 <= refused.wait <= 120

    moved.at += refused.wait - 1.001
    assert not counters.hit("token", "one", limit).allowed
    moved.at += 1.002

    assert counters.hit("token", "one", limit).allowed


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
    ],
)
def test_an_ipv6_subscriber_is_one_address(one: str, other: str, alike: bool) -> None:
    groups = {address_group({"client": (host, 1)}) for host in (one, other)}

    assert (len(groups) == 1) == alike


def test_more_tokens_of_one_account_do_not_get_more(any_profile: Profile, network: Network) -> None:
    with house_on(any_profile.settings, network, account_requests_per_minute=4) as house:
        person = house.person("provider")
        tokens = [person, *(_another_token(house, person) for _ in range(2))]
        seen = [house.get(who, "/v1/accounts") for who in (tokens[1], tokens[2], tokens[0])]
        other = house.get(house.person("provider"), "/v1/accounts")

    assert [answer.status_code for answer in seen] == [200, 200, 429]
    assert "account" in problem_of(seen[2], 429, "rate_limited")["detail"]
    assert int(seen[2].headers["retry-after"]) >= 1
    assert seen[0].headers["ratelimit-policy"] == '"token";q=1000000;w=60, "account";q=4;w=60'
    assert seen[0].headers["x-ratelimit-remaining"] == "1"
    assert other.status_code == 200


def _another_token(house: House, person: Person) -> Person:
    text = house.post(person, "/v1/tokens", {"name": "another"}).json()["token"]
    return Person(person.id, {"Authorization": f"Bearer {text}"})


def test_made_up_tokens_count_for_their_address_and_known_ones_go_on(
    embedded_profile: Profile, network: Network
) -> None:
    with house_on(embedded_profile.settings, network, requests_per_minute=3) as house:
        known = house.person("customer")
        assert house.get(known, "/v1/accounts").status_code == 200
        made_up = [credentials.make("sdb", key=house.runtime.token_key).text.reveal().decode() for _ in range(4)]
        seen = [house.http.get("/v1/accounts", headers={"Authorization": f"Bearer {text}"}) for text in made_up]

        assert [answer.status_code for answer in seen] == [401, 401, 401, 429]
        assert house.get(NOBODY, "/v1/accounts").status_code == 429
        assert house.get(known, "/v1/accounts").status_code == 200


@pytest.mark.production
def test_processes_share_their_counts_over_redis(servers: Servers) -> None:
    url = servers.redis.fresh_url()
    one, other = Counters(url), Counters(url)

    found = [each.hit("token", "x", 3).allowed for each in (one, other, one, other)]

    assert found == [True, True, True, False]


def test_while_the_shared_store_is_away_each_process_counts_by_itself(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = Counters("redis://127.0.0.1:9/0")
    with caplog.at_level(logging.WARNING, logger=api.limits.__name__):
        found = [counters.hit("token", "x", 2).allowed for _ in range(3)]

    assert found == [True, True, False]
    assert len(caplog.records) == 1
