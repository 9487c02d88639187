"""Webhooks over HTTP: made, looked at, tried, stopped and deleted by their owner, and by nobody else."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Standard

from api.webhooks.delivering import Deliveries
from sdb_service.tables import AuditEvent, IdempotentAnswer, Webhook, WebhookDelivery
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.webhooks.receivers import Receiver, outbound, receiver

pytestmark = pytest.mark.trust

PUBLIC = "https://8.8.8.8/hook"  # nothing is sent there: no test makes an event for it


@pytest.fixture
def there(house: House) -> Iterator[Receiver]:
    """A receiver that this service may reach for one test."""
    state: Any = house.http.app.state  # type: ignore[attr-defined]
    usual = state.outbound
    with receiver() as found:
        state.outbound = outbound(found)
        yield found
    state.outbound = usual


def make(house: House, who: Person, url: str = PUBLIC, *events: str, **more: Any) -> dict[str, Any]:
    answer = house.post(who, "/v1/webhooks", {"url": url, "events": list(events or ("license.revoke",))} | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def deliver(house: House, there: Receiver) -> None:
    """Everything that is due, now; the service of these tests does not look by itself."""
    post = Deliveries(house.runtime, outbound(there))
    while post.deliver_one():
        pass


@pytest.mark.parametrize("role", ["provider", "customer", "admin"])
def test_everybody_may_have_webhooks_and_sees_the_secret_once(house: House, role: Any) -> None:
    who = house.person(role)
    made = make(house, who, description="  mine ")
    path = f"/v1/webhooks/{made['id']}"
    secret = made.pop("secret")
    assert Standard(secret)
    assert (made["account_id"], made["state"], made["description"]) == (who.id, "enabled", "mine")
    assert house.get(who, path).json() == made
    assert made in house.get(who, "/v1/webhooks").json()["data"]
    raw = secret.removeprefix("whsec_")
    with house.runtime.database.reading() as session:
        row = session.get_one(Webhook, made["id"])
        assert raw.encode() not in row.sealed
        kept = [answer.answer for answer in session.execute(select(IdempotentAnswer)).scalars()]
        told = [event.detail for event in session.execute(select(AuditEvent)).scalars()]
    assert raw not in json.dumps([kept, told])


def test_a_repeated_request_makes_another_webhook_and_keeps_no_answer(house: House, provider: Person) -> None:
    body = {"url": PUBLIC, "events": ["license.revoke"]}
    one, other = (house.post(provider, "/v1/webhooks", body, Idempotency_Key="same").json() for _ in range(2))
    assert one["id"] != other["id"]
    assert one["secret"] != other["secret"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://8.8.8.8/", "webhook_url_invalid"),
        ("https://8.8.8.8:22/", "webhook_url_invalid"),
        ("https://127.0.0.1/", "webhook_address_refused"),
        ("https://localhost/", "webhook_address_refused"),
        ("https://2130706433/", "webhook_address_refused"),
        ("https://169.254.169.254/latest/meta-data/", "webhook_address_refused"),
        ("https://[::ffff:10.0.0.1]/", "webhook_address_refused"),
    ],
)
def test_a_url_that_leads_inside_is_refused_when_it_is_made(
    house: House, provider: Person, url: str, code: str
) -> None:
    problem_of(house.post(provider, "/v1/webhooks", {"url": url, "events": ["box.make"]}), 422, code)
    assert house.get(provider, "/v1/webhooks").json()["data"] == []


@pytest.mark.parametrize("events", [[], ["*"], ["webhook.test"], ["session.open"], ["token.issue"], "box.make"])
def test_events_are_chosen_from_the_list(house: House, provider: Person, events: Any) -> None:
    problem_of(house.post(provider, "/v1/webhooks", {"url": PUBLIC, "events": events}), 422, "request_invalid")


def test_a_customer_hears_of_their_license_and_of_nothing_else(house: House, there: Receiver) -> None:
    provider, customer, other = house.person("provider"), house.person("customer"), house.person("customer")
    box = house.box(provider)
    made = make(house, customer, there.url(), "license.grant", "license.revoke", "box.publish")
    house.license(provider, box, other)
    held = house.license(provider, box, customer)
    house.post(provider, f"/v1/boxes/{box}/publish")
    house.post(provider, f"/v1/licenses/{held}/revoke")
    deliver(house, there)
    told = [Standard(made["secret"]).verify(got.body, got.headers) for got in there.got]
    assert [(each["type"], each["data"]["id"]) for each in told] == [("license.grant", held), ("license.revoke", held)]
    assert other.id not in json.dumps(told)


def test_a_test_is_sent_and_its_delivery_says_what_came_of_it(house: House, provider: Person, there: Receiver) -> None:
    made = make(house, provider, there.url())
    there.answers = [(418, {}, b"short and stout")]
    asked = house.post(provider, f"/v1/webhooks/{made['id']}/test")
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    deliver(house, there)
    (found,) = house.get(provider, f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
    assert (found["type"], found["status"], found["error"]) == ("webhook.test", 418, "status_not_2xx")
    assert (found["answer"], found["attempts"]) == ("short and stout", 1)
    assert json.loads(found["body"])["id"] == found["id"]


def test_tests_do_not_pile_up(house: House, provider: Person) -> None:
    path = f"/v1/webhooks/{make(house, provider)['id']}"
    for _ in range(10):
        assert house.post(provider, f"{path}/test").status_code == 202
    problem_of(house.post(provider, f"{path}/test"), 409, "tests_waiting")
    house.http.delete(path, headers=provider.headers)  # or another test would send them


def test_a_delivery_that_failed_is_sent_again_under_its_old_id(house: House, provider: Person, there: Receiver) -> None:
    path = f"/v1/webhooks/{make(house, provider, there.url())['id']}"
    delivery = house.post(provider, f"{path}/test").json()["id"]
    problem_of(house.post(provider, f"{path}/deliveries/{delivery}/redeliver"), 409, "delivery_waiting")
    deliver(house, there)
    assert house.post(provider, f"{path}/deliveries/{delivery}/redeliver").status_code == 202
    deliver(house, there)
    assert [got.headers["webhook-id"] for got in there.got] == [delivery] * 2
    assert there.got[0].body == there.got[1].body
    other = make(house, provider)["id"]
    problem_of(house.post(provider, f"/v1/webhooks/{other}/deliveries/{delivery}/redeliver"), 404, "delivery_not_found")


def test_a_disabled_webhook_sends_nothing_until_it_is_enabled(house: House, provider: Person) -> None:
    path = f"/v1/webhooks/{make(house, provider)['id']}"
    for _ in range(2):
        found = house.post(provider, f"{path}/disable").json()
        assert (found["state"], found["disabled_reason"]) == ("disabled", "by_hand")
    problem_of(house.post(provider, f"{path}/test"), 409, "webhook_disabled")
    found = house.post(provider, f"{path}/enable").json()
    assert (found["state"], found["disabled_reason"]) == ("enabled", None)
    acts = [event["action"] for event in house.get(provider, "/v1/audit").json()["data"]]
    assert acts == ["webhook.enable", "webhook.disable", "webhook.create"]


def test_a_deleted_webhook_is_gone_with_what_it_was_told(house: House, provider: Person, there: Receiver) -> None:
    made = make(house, provider, there.url())
    path = f"/v1/webhooks/{made['id']}"
    house.post(provider, f"{path}/test")
    assert house.http.delete(path, headers=provider.headers).status_code == 204
    problem_of(house.get(provider, path), 404, "webhook_not_found")
    assert house.count(WebhookDelivery, WebhookDelivery.webhook_id == made["id"]) == 0


def test_an_account_has_so_many_webhooks_and_no_more(house: House, provider: Person) -> None:
    for _ in range(20):
        make(house, provider)
    body = {"url": PUBLIC, "events": ["box.make"]}
    problem_of(house.post(provider, "/v1/webhooks", body), 409, "webhooks_too_many")


def test_the_running_service_delivers_by_itself(house: House, provider: Person, there: Receiver) -> None:
    settings = house.runtime.settings.model_copy(update={"webhook_poll_seconds": 0.05})
    running = Deliveries(replace(house.runtime, settings=settings), outbound(there))
    running.start()
    try:
        house.post(provider, f"/v1/webhooks/{make(house, provider, there.url())['id']}/test")
        until = time.monotonic() + 20
        while not there.got and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        running.close()
    assert len(there.got) == 1
