"""The audit log as people see it: their own acts, what was done to what is theirs, and an unbroken chain."""

from typing import Any

from sqlalchemy import text

from sdb_service import audit
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.service.tampering import unguard


def seen_by(house: House, who: Person) -> list[dict[str, Any]]:
    """All events that one sees, oldest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = house.get(who, f"/v1/audit?limit=3{cursor and '&cursor=' + cursor}").json()
        found += page["data"]
        cursor = page["next_cursor"]
    return found[::-1]


def a_days_work(house: House) -> tuple[Person, Person, Person, str, str]:
    """A provider grants, a customer fetches, and it ends."""
    admin, provider = house.person("admin"), house.person("provider")
    account = house.post(admin, "/v1/accounts", {"name": "the customer", "role": "customer"}).json()["id"]
    token = house.post(admin, "/v1/tokens", {"name": "x", "account_id": account}).json()["token"]
    customer = Person(account, {"Authorization": f"Bearer {token}"})
    box = house.box(provider, published=True)
    held = house.license(provider, box, customer, max_downloads=1)
    for _ in range(2):
        house.get(customer, f"/v1/licenses/{held}/key")
    house.get(customer, f"/v1/boxes/{box}/checkpoint")
    house.post(provider, f"/v1/licenses/{held}/suspend")
    house.post(admin, f"/v1/licenses/{held}/revoke")
    house.post(provider, f"/v1/boxes/{box}/unpublish")
    return admin, provider, customer, box, held


def test_each_sees_what_concerns_them_and_the_admin_all(any_house: House) -> None:
    admin, provider, customer, box, held = a_days_work(any_house)

    by_provider, by_customer = seen_by(any_house, provider), seen_by(any_house, customer)

    assert [(event["action"], event["object_id"], event["actor_id"]) for event in by_provider] == [
        ("box.publish", box, provider.id),
        ("license.grant", held, provider.id),
        ("license.key", held, customer.id),
        ("license.key_refused", held, customer.id),
        ("box.download", box, customer.id),
        ("license.suspend", held, provider.id),
        ("license.revoke", held, admin.id),
        ("box.unpublish", box, provider.id),
    ]
    assert [event["action"] for event in by_customer] == [
        "account.create",
        "token.issue",
        "license.key",
        "license.key_refused",
        "box.download",
    ]
    assert seen_by(any_house, any_house.person("provider")) == []
    assert [event["number"] for event in seen_by(any_house, admin)] == list(range(1, 11))
    problem_of(any_house.get(NOBODY, "/v1/audit"), 401, "token_missing")


def test_the_chain_holds_and_says_where_it_was_broken(any_house: House) -> None:
    a_days_work(any_house)
    with any_house.runtime.database.reading() as session:
        assert audit.first_bad_row(session) is None
    with any_house.runtime.database.transaction() as session:
        unguard(session)
        session.execute(text("UPDATE audit_events SET actor_id = 'acc_nobody' WHERE number = 5"))

    with any_house.runtime.database.reading() as session:
        found = audit.first_bad_row(session)

    assert found is not None
    assert found[0] == 5


def test_an_event_carries_the_request_and_the_address_it_came_from(house: House, provider: Person) -> None:
    box = house.box(provider)
    house.post(provider, f"/v1/boxes/{box}/publish", {}, X_Request_Id="trace-me")

    event = seen_by(house, provider)[-1]

    assert (event["action"], event["request_id"], event["address"]) == ("box.publish", "trace-me", "testclient")
    assert event["detail"] == {"outputs": ["labels", "probs"], "top_k": 5, "images_per_minute": None}


def test_what_failed_is_not_recorded(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    house.post(provider, "/v1/licenses", {"box_id": box, "customer_id": provider.id})
    house.post(customer, f"/v1/boxes/{box}/publish")

    assert seen_by(house, provider) == []
