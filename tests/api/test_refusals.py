"""What was refused is in the audit log, and nobody can fill the log with it."""

from datetime import timedelta
from typing import Any

import pytest

from sdb_service import audit, refusals
from sdb_service.db import Database, after_rollback
from sdb_service.recording import record_refusal
from sdb_service.tables import AuditEvent
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.test_audit import seen_by

pytestmark = pytest.mark.trust


def refused(house: House, who: Person) -> list[dict[str, Any]]:
    return [event for event in seen_by(house, who) if event["outcome"] == "refused"]


def test_a_key_that_was_refused_is_known_to_the_box_owner_and_the_customer(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    held = each_house.license(provider, each_house.box(provider), customer)
    each_house.post(provider, f"/v1/licenses/{held}/revoke")

    problem_of(each_house.get(customer, f"/v1/licenses/{held}/key"), 403, "license_revoked")

    for who in (provider, customer):
        [event] = refused(each_house, who)
        assert (event["action"], event["object_id"], event["actor_id"]) == ("license.key_refused", held, customer.id)
        assert event["detail"] == {"code": "license_revoked"}
        assert event["address"] == "testclient"


def test_an_act_above_ones_role_is_recorded_with_its_route_and_nothing_of_its_body(each_house: House) -> None:
    customer = each_house.person("customer")

    problem_of(each_house.post(customer, "/v1/accounts", {"name": "sekrit", "role": "admin"}), 403, "role_not_allowed")

    [event] = refused(each_house, customer)
    assert event["action"] == "account.refused"
    assert event["detail"] == {"code": "role_not_allowed", "method": "POST", "route": "/v1/accounts"}


def test_one_caller_writes_eleven_rows_a_minute_and_the_rest_is_counted(
    house: House, customer: Person, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"name": "x", "role": "admin"}
    for _ in range(40):
        house.post(customer, "/v1/accounts", body)
    house.post(provider, "/v1/accounts", body)

    rows = refused(house, customer)
    assert len(rows) == refusals.A_MINUTE + 1
    assert [row["detail"].get("and_so_on") for row in rows] == [None] * refusals.A_MINUTE + [True]
    assert len(refused(house, provider)) == 1

    real = refusals.time.monotonic
    monkeypatch.setattr(refusals.time, "monotonic", lambda: real() + timedelta(minutes=1).total_seconds())
    house.post(customer, "/v1/accounts", body)
    monkeypatch.undo()
    assert refused(house, customer)[-1]["detail"]["unrecorded_before"] == 40 - refusals.A_MINUTE - 1


def test_a_crowd_of_addresses_writes_no_more_than_a_bound(database: Database) -> None:
    for number in range(refusals.OF_ALL_A_MINUTE + 50):
        record_refusal(
            database, None, "session.refused", "unknown", owner=None, code="password_wrong", address=f"192.0.2.{number}"
        )

    with database.reading() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.number).all()
        assert audit.first_bad_row(session) is None
    assert len(events) == refusals.OF_ALL_A_MINUTE + 1
    assert events[-1].detail == {"code": "password_wrong", "and_so_on": True}


def test_what_was_left_for_a_failure_runs_after_it_alone_and_may_write(database: Database) -> None:
    ran: list[str] = []

    def write() -> None:
        with database.transaction():
            ran.append("wrote")

    def leave_and_fail() -> None:
        with database.transaction() as session:
            after_rollback(session, write)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        leave_and_fail()
    assert ran == ["wrote"]
    with database.transaction() as session:
        after_rollback(session, write)
    assert ran == ["wrote"]
