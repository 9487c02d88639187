"""Licenses: what becomes of one, and the reason it gives when it gives nothing."""

from datetime import timedelta
from typing import Any

import pytest

from sdb_service import clock
from sdb_service.tables import AuditEvent, License
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

SOON = (clock.now() + timedelta(days=30)).isoformat()


def act(house: House, who: Person, license_id: str, name: str, body: Any = None) -> Any:
    answer = house.post(who, f"/v1/licenses/{license_id}/{name}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def standing(found: Any) -> tuple[str, bool, str]:
    return found["state"], found["valid"], found["reason"]


def run_out(house: House, license_id: str) -> None:
    with house.runtime.database.transaction() as session:
        session.get_one(License, license_id).expires_at = clock.after(-1)


def test_a_license_is_granted_suspended_reinstated_renewed_and_revoked(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    held = each_house.license(provider, each_house.box(provider), customer)
    path = f"/v1/licenses/{held}"

    assert standing(each_house.get(customer, path).json()) == ("active", True, "license_valid")
    assert standing(act(each_house, provider, held, "suspend")) == ("suspended", False, "license_suspended")
    assert standing(act(each_house, provider, held, "reinstate")) == ("active", True, "license_valid")
    run_out(each_house, held)
    assert standing(each_house.get(customer, path).json()) == ("expired", False, "license_expired")
    assert standing(act(each_house, provider, held, "renew", {"expires_at": SOON})) == ("active", True, "license_valid")
    assert standing(act(each_house, provider, held, "suspend")) == ("suspended", False, "license_suspended")
    assert standing(act(each_house, provider, held, "revoke")) == ("revoked", False, "license_revoked")
    assert each_house.count(AuditEvent, AuditEvent.object_id == held) == 6


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ((), "reinstate"),
        (("suspend",), "suspend"),
        (("revoke",), "suspend"),
        (("revoke",), "reinstate"),
        (("revoke",), "revoke"),
        (("revoke",), "renew"),
    ],
)
def test_steps_that_do_not_follow_are_conflicts_and_change_nothing(
    house: House, provider: Person, customer: Person, before: tuple[str, ...], name: str
) -> None:
    held = house.license(provider, house.box(provider), customer)
    for step in before:
        act(house, provider, held, step)
    was, acts = house.get(provider, f"/v1/licenses/{held}").json(), house.count(AuditEvent)

    answer = house.post(provider, f"/v1/licenses/{held}/{name}", {"expires_at": SOON} if name == "renew" else None)

    problem_of(answer, 409, "license_state")
    assert house.get(provider, f"/v1/licenses/{held}").json() == was
    assert house.count(AuditEvent) == acts


def test_a_suspended_license_that_ran_out_meanwhile_is_expired_once_reinstated(
    house: House, provider: Person, customer: Person
) -> None:
    held = house.license(provider, house.box(provider), customer, expires_at=SOON)
    act(house, provider, held, "suspend")
    run_out(house, held)

    assert standing(act(house, provider, held, "reinstate")) == ("expired", False, "license_expired")


def test_a_license_can_be_renewed_without_end(house: House, provider: Person, customer: Person) -> None:
    held = house.license(provider, house.box(provider), customer, expires_at=SOON)

    assert act(house, provider, held, "renew", {"expires_at": None})["expires_at"] is None
    problem_of(house.post(provider, f"/v1/licenses/{held}/renew", {}), 422, "request_invalid")


@pytest.mark.parametrize("act_name", ["grant", "renew"])
def test_an_end_in_the_past_is_refused(house: House, provider: Person, customer: Person, act_name: str) -> None:
    box, past = house.box(provider), (clock.now() - timedelta(seconds=1)).isoformat()
    if act_name == "grant":
        answer = house.post(provider, "/v1/licenses", {"box_id": box, "customer_id": customer.id, "expires_at": past})
    else:
        held = house.license(provider, box, customer)
        answer = house.post(provider, f"/v1/licenses/{held}/renew", {"expires_at": past})

    problem_of(answer, 422, "expiry_past")


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "lent"},
        {"max_downloads": 0},
        {"max_downloads": 2**31},
        {"max_downloads": 10**30},
        {"max_predictions": -1},
        {"max_predictions": 10**30},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "2099-01-01T00:00:00"},
        {"state": "active"},
        {"downloads": -5},
    ],
)
def test_terms_that_cannot_be_are_refused(
    house: House, provider: Person, customer: Person, changes: dict[str, Any]
) -> None:
    body = {"box_id": house.box(provider), "customer_id": customer.id} | changes

    problem_of(house.post(provider, "/v1/licenses", body), 422, "request_invalid")

    assert house.count(License, License.customer_id == customer.id) == 0


@pytest.mark.parametrize("role", ["provider", "admin"])
def test_licenses_go_to_customers_alone(house: House, provider: Person, role: Any) -> None:
    body = {"box_id": house.box(provider), "customer_id": house.person(role).id}

    problem_of(house.post(provider, "/v1/licenses", body), 422, "customer_role")


def test_a_closed_account_gets_no_license(house: House, admin: Person, provider: Person, customer: Person) -> None:
    house.http.delete(f"/v1/accounts/{customer.id}", headers=admin.headers)

    answer = house.post(provider, "/v1/licenses", {"box_id": house.box(provider), "customer_id": customer.id})

    problem_of(answer, 404, "account_not_found")


def test_both_sides_and_nobody_else_see_a_license(house: House, provider: Person, customer: Person) -> None:
    held = house.license(provider, house.box(provider), customer)

    for who in (provider, customer):
        assert [one["id"] for one in house.get(who, "/v1/licenses").json()["data"]] == [held]
    assert house.get(house.person("customer"), "/v1/licenses").json()["data"] == []
