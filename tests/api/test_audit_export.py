"""Finding things in the audit log, and taking it along: the same rows as the list shows, and no formula."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from sdb_service import audit
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.api.test_audit import a_days_work, seen_by

pytestmark = pytest.mark.trust

FORMULAS = ('=HYPERLINK("http://evil")', "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "\r=1", " =1+1", "＝1+1", '"=1')


def table(house: House, who: Person, query: str = "") -> list[dict[str, str]]:
    answer = house.get(who, f"/v1/audit.csv{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def listed(house: House, who: Person, query: str) -> list[int]:
    answer = house.get(who, f"/v1/audit?{query}")
    assert answer.status_code == 200, answer.text
    return [event["number"] for event in answer.json()["data"]]


def act(house: House, **values: Any) -> None:
    wanted = {"action": "box.publish", "object_type": "box", "object_id": "box_1", "account_id": None} | values
    with house.runtime.database.transaction() as session:
        audit.record(session, wanted.pop("action"), **{"actor_id": None} | wanted)


def test_the_table_holds_what_the_list_shows_to_each(any_house: House) -> None:
    admin, provider, customer, _, _ = a_days_work(any_house)
    for who in (admin, provider, customer, any_house.person("provider")):
        rows, events = table(any_house, who), seen_by(any_house, who)[::-1]
        assert [(row["number"], row["hash"], row["action"], row["outcome"]) for row in rows] == [
            (str(event["number"]), event["hash"], event["action"], event["outcome"]) for event in events
        ]
    problem_of(any_house.get(NOBODY, "/v1/audit.csv"), 401, "token_missing")


def test_a_long_log_comes_whole(house: House, admin: Person) -> None:
    with house.runtime.database.transaction() as session:
        for step in range(2300):
            audit.record(
                session,
                "test.many",
                actor_id=admin.id,
                account_id=None,
                object_type="test",
                object_id="many",
                detail={"step": step},
            )

    rows = table(house, admin, "?object_id=many")

    assert [row["detail"] for row in rows] == [f'{{"step": {step}}}' for step in reversed(range(2300))]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_begins_a_formula(house: House, admin: Person, formula: str) -> None:
    act(
        house, actor_id=admin.id, object_id=f"f{FORMULAS.index(formula)}", request_id=formula, detail={formula: formula}
    )

    [row] = table(house, admin, f"?object_id=f{FORMULAS.index(formula)}")

    for name, cell in row.items():
        assert cell.lstrip()[:1] not in set("=+-@＝＋－＠"), name
        assert cell[:1] not in set("\t\r\n"), name
    assert row["request_id"].removeprefix("'") == formula


def test_filters_narrow_the_list_and_the_table_alike(any_house: House) -> None:
    admin, _provider, customer, box, held = a_days_work(any_house)
    events = seen_by(any_house, admin)[::-1]
    fifth = events[4]["at"]
    wanted: dict[str, Any] = {
        "action=license.revoke": lambda event: event["action"] == "license.revoke",
        "action=license.": lambda event: event["action"].startswith("license."),
        f"object_id={box}": lambda event: event["object_id"] == box,
        f"actor={customer.id}": lambda event: event["actor_id"] == customer.id,
        "outcome=refused": lambda event: event["outcome"] == "refused",
        f"from={quote(fifth)}": lambda event: event["at"] >= fifth,
        f"to={quote(fifth)}": lambda event: event["at"] < fifth,
        f"from=&to=&action=&outcome=&object_id={held}": lambda event: event["object_id"] == held,
        "action=license._": lambda event: False,
    }
    for query, fits in wanted.items():
        expected = [event["number"] for event in events if fits(event)]
        assert listed(any_house, admin, query) == expected, query
        assert [int(row["number"]) for row in table(any_house, admin, f"?{query}")] == expected, query
        assert expected or query == "action=license._"


def test_a_moment_without_a_zone_is_utc(house: House, admin: Person) -> None:
    act(house, actor_id=admin.id, object_id="moment")
    [row] = table(house, admin, "?object_id=moment")
    at = datetime.fromisoformat(row["at"])
    before, after = (at + timedelta(seconds=shift) for shift in (-1, 1))

    for query, count in ((f"from={before:%FT%T}", 1), (f"from={after:%FT%T}", 0), (f"to={before:%FT%T}", 0)):
        assert len(table(house, admin, f"?object_id=moment&{query}")) == count, query


@pytest.mark.parametrize("query", ["from=0001-01-01T00:00:00%2B14:00", "to=9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_calendar_is_refused(house: House, admin: Person, query: str) -> None:
    for path in ("/v1/audit", "/v1/audit.csv"):
        problem_of(house.get(admin, f"{path}?{query}"), 422, "moment_invalid")


def test_a_filter_that_is_no_filter_is_refused(house: House, admin: Person) -> None:
    problem_of(house.get(admin, "/v1/audit?outcome=maybe"), 422, "request_invalid")
    problem_of(house.get(admin, "/v1/audit?from=yesterday"), 422, "request_invalid")
