"""Every error is a problem, whoever makes it: a route, the framework, or a middleware."""

import json
from typing import Any

import pytest

from sdb_service.tables import Account
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.servers.profiles import Profile

JSON = {"Content-Type": "application/json"}


def test_an_unknown_address_is_a_problem(house: House) -> None:
    problem_of(house.get(NOBODY, "/v1/nothing"), 404, "route_not_found")


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(house: House) -> None:
    answer = house.http.put("/v1/accounts")

    problem_of(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) & {"GET", "POST"}


@pytest.mark.parametrize("body", [b"{", b'"text"', b"[]", b"\xff\xfe", b""])
def test_a_body_that_is_no_json_object_is_a_problem(house: House, admin: Person, body: bytes) -> None:
    answer = house.http.post("/v1/accounts", content=body, headers=admin.headers | JSON)

    assert answer.status_code in (400, 422)
    problem_of(answer, answer.status_code, answer.json()["code"])


def test_json_nested_too_deep_to_read_is_refused(house: House, admin: Person) -> None:
    answer = house.http.post("/v1/accounts", content=b"[" * 100_000, headers=admin.headers | JSON)

    assert answer.status_code == 400
    problem_of(answer, 400, "http_400")


def test_an_unknown_field_is_refused_by_name(house: House, admin: Person) -> None:
    answer = house.post(admin, "/v1/accounts", {"name": "x", "role": "customer", "roel": 1})

    assert "roel" in problem_of(answer, 422, "request_invalid")["detail"]


@pytest.mark.parametrize("name", ["\ud800", "a\u0000b", "x" * 100_000])
def test_a_hostile_field_name_is_refused_like_any_other(house: House, admin: Person, name: str) -> None:
    body = json.dumps({"name": "x", "role": "customer", name: 1})

    answer = house.http.post("/v1/accounts", content=body, headers=admin.headers | JSON)

    problem_of(answer, 422, "request_invalid")


def test_what_was_sent_is_not_sent_back(house: House, admin: Person) -> None:
    answer = house.post(admin, "/v1/tokens", {"name": 7, "account_id": {"secret": "hush-hush"}})

    problem_of(answer, 422, "request_invalid")
    assert "hush" not in answer.text


def test_json_over_the_limit_is_a_problem_and_makes_nothing(house: House, admin: Person) -> None:
    before = house.count(Account)
    body = json.dumps({"name": "x", "role": "customer"}) + " " * house.runtime.settings.max_json_bytes

    answer = house.http.post("/v1/accounts", content=body, headers=admin.headers | JSON)

    problem_of(answer, 413, "body_too_large")
    assert house.count(Account) == before


def test_json_over_the_limit_that_does_not_say_its_length_is_a_problem_too(house: House, admin: Person) -> None:
    def chunks() -> Any:
        yield b'{"name": "x", "role": "customer"'
        for _ in range(house.runtime.settings.max_json_bytes // 1024 + 1):
            yield b" " * 1024
        yield b"}"

    answer = house.http.post("/v1/accounts", content=chunks(), headers=admin.headers | JSON)

    problem_of(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    "cursor", ["!!!!", "%%", "a", "bm90LWEtbnVtYmVy", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "AA", "_-_-"]
)
def test_a_cursor_that_is_none_of_ours_is_refused(house: House, admin: Person, cursor: str) -> None:
    problem_of(house.http.get("/v1/audit", params={"cursor": cursor}, headers=admin.headers), 400, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
def test_a_page_has_1_to_200_entries(house: House, admin: Person, limit: str) -> None:
    problem_of(house.get(admin, f"/v1/audit?limit={limit}"), 422, "request_invalid")


def test_pages_follow_each_other_without_a_gap_or_a_repetition(house: House, provider: Person) -> None:
    made = [house.model(provider) for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        found = house.get(provider, f"/v1/models?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [model["id"] for model in found["data"]]
        cursor = found["next_cursor"]

    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize("name", ["a\u0000b", "two\nlines"])
def test_a_name_with_control_characters_is_refused(each_house: House, name: str) -> None:
    admin = each_house.person("admin")

    answer = each_house.post(admin, "/v1/accounts", {"name": name, "role": "customer"})

    problem_of(answer, 422, "request_invalid")


@pytest.mark.parametrize(
    "path", ["/v1/boxes/%00", "/v1/licenses/a%00b", "/v1/boxes?cursor=AA", "/v1/models?cursor=YQBi"]
)
def test_a_zero_byte_in_an_address_is_a_problem_and_no_breakdown(each_house: House, path: str) -> None:
    answer = each_house.get(each_house.person("provider"), path)

    assert answer.status_code in (400, 404, 422), answer.text
    problem_of(answer, answer.status_code, answer.json()["code"])


def test_a_breakdown_is_a_problem_that_tells_nothing(
    embedded_profile: Profile, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    with house_on(embedded_profile.settings, network) as house:
        box = house.box(house.person("provider"), published=True)
        with house.runtime.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE licenses")
        answer = house.get(house.person("customer"), "/v1/licenses")
        again = house.get(NOBODY, f"/v1/boxes/{box}")

    assert "licenses" not in problem_of(answer, 500, "internal")["detail"]
    assert again.status_code == 200
