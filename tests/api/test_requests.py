"""What every request passes: its id, the security headers, the rate limit."""

import time

import pytest

from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House
from tests.servers.profiles import Profile


def test_a_sane_request_id_comes_back(house: House) -> None:
    answer = house.http.get("/v1/nothing", headers={"X-Request-Id": "build-42.a_b"})

    assert answer.headers["x-request-id"] == "build-42.a_b"
    problem_of(answer, 404, "route_not_found")


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "<script>", "a\tb", "ä".encode(), "a;b"])
def test_any_other_request_id_is_replaced(house: House, offered: str) -> None:
    answer = house.http.get("/healthz", headers={"X-Request-Id": offered})

    assert answer.headers["x-request-id"].startswith("req_")


def test_two_requests_have_two_ids(house: House) -> None:
    first, second = (house.http.get("/healthz").headers["x-request-id"] for _ in range(2))

    assert first != second


@pytest.mark.parametrize("path", ["/healthz", "/v1/nothing", "/v1/accounts"])
def test_every_answer_has_the_security_headers(house: House, path: str) -> None:
    headers = house.http.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_rest_of_the_window_is_told_and_over_the_limit_one_waits(any_profile: Profile, network: Network) -> None:
    with house_on(any_profile.settings, network, requests_per_minute=3) as house:
        wait_for_a_young_minute()
        seen = [house.get(NOBODY, "/v1/accounts") for _ in range(4)]
        free = house.get(NOBODY, "/healthz")

    assert [answer.status_code for answer in seen] == [401, 401, 401, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in seen] == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in seen} == {"3"}
    problem_of(seen[3], 429, "rate_limited")
    assert 1 <= int(seen[3].headers["retry-after"]) <= 61
    assert abs(int(seen[3].headers["x-ratelimit-reset"]) - time.time()) <= 61
    assert free.status_code == 200


def test_each_token_has_a_limit_of_its_own(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, requests_per_minute=2) as house:
        one, other = house.person("customer"), house.person("customer")
        wait_for_a_young_minute()
        seen = [house.get(one, "/v1/accounts").status_code for _ in range(3)]

        assert seen == [200, 200, 429]
        assert house.get(other, "/v1/accounts").status_code == 200


@pytest.mark.parametrize("made_up", ["Basic {}", "{}", "Bearer", "Bearer sdb_{}"])
def test_the_public_gets_no_second_limit_by_making_up_what_is_no_token(
    embedded_profile: Profile, network: Network, made_up: str
) -> None:
    with house_on(embedded_profile.settings, network, requests_per_minute=2) as house:
        wait_for_a_young_minute()
        seen = [house.http.get("/v1/accounts", headers={"Authorization": made_up.format(n)}) for n in range(3)]

    assert [answer.status_code for answer in seen] == [401, 401, 429]


def wait_for_a_young_minute() -> None:
    """The window is a minute of the clock: a test that begins at its very end would see two."""
    if (left := 60 - time.time() % 60) < 3:
        time.sleep(left)


def test_predictions_that_come_to_nothing_are_counted_by_address(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, requests_per_minute=3) as house:
        box = house.box(house.person("provider"))
        wait_for_a_young_minute()
        asked = [f"/v1/boxes/{box}/predict", "/v1/boxes/box_none/distill", f"/v1/boxes/{box}/predict"]
        failed = [house.http.post(path, content=b"x") for path in (*asked, asked[0])]

        assert [answer.status_code for answer in failed] == [404, 401, 404, 429]
        problem_of(failed[3], 429, "failures_limited")
        assert 1 <= int(failed[3].headers["retry-after"]) <= 61
