"""Who is told what: the owner and the audience, what they asked for, and no more than may be known."""

import json
from datetime import datetime

import pytest
from sqlalchemy import func, update
from standardwebhooks import Webhook as Standard

from api.webhooks import service
from api.webhooks.delivering import Deliveries
from sdb_service import clock
from sdb_service.events import KINDS, TYPES, public_detail
from sdb_service.recording import record_act
from sdb_service.tables import Account, Webhook
from tests.api.webhooks.offices import Office, postman
from tests.api.webhooks.receivers import Receiver, outbound

pytestmark = pytest.mark.trust


def test_what_happened_arrives_signed_once_and_carries_no_more_than_it_may(office: Office, there: Receiver) -> None:
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    detail = {"box_id": "box_1", "customer_id": "acc_2", "mode": "hosted", "kappa": "secret", "address": "10.0.0.1"}
    office.act(owner, detail=detail)
    post = postman(office, there)
    assert (post.deliver_one(), post.deliver_one()) == (True, False)
    (got,) = there.got
    told = Standard(office.secrets[webhook]).verify(got.body, got.headers)
    assert told == json.loads(got.body)
    assert (told["id"], told["type"]) == (got.headers["webhook-id"], "license.grant")
    assert datetime.fromisoformat(told["timestamp"]) <= clock.now()
    assert told["data"] == {"id": "lic_1", "object": "license", "box_id": "box_1", "mode": "hosted"}
    assert (office.row.state, office.row.attempts, office.row.status) == ("delivered", 1, 204)


def test_owner_and_audience_are_told_and_nobody_else(office: Office, there: Receiver) -> None:
    owner, customer, stranger = office.account(), office.account("two", "customer"), office.account("three")
    mine, theirs, _ = (office.webhook(each, there.url()) for each in (owner, customer, stranger))
    office.act(owner, audience=(customer.account_id,))
    assert {(row.webhook_id, row.account_id) for row in office.rows()} == {
        (mine, owner.account_id),
        (theirs, customer.account_id),
    }


def test_only_events_that_were_asked_for_are_told(office: Office, there: Receiver) -> None:
    owner = office.account()
    office.webhook(owner, there.url(), "license.revoke")
    office.act(owner, "license.grant")
    office.act(owner, "session.open")
    assert office.rows() == []


def test_an_act_that_is_rolled_back_is_told_to_nobody(office: Office, there: Receiver) -> None:
    owner = office.account()
    office.webhook(owner, there.url())

    def broken() -> None:
        with office.runtime.database.transaction() as session:
            record_act(session, owner, "license.grant", "lic_1", owner=owner.account_id)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert office.rows() == []


def test_disabling_stops_what_waits_and_enabling_tells_only_what_comes(office: Office, there: Receiver) -> None:
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    office.act(owner)
    with office.runtime.database.transaction() as session:
        service.disable(session, owner, webhook)
    office.act(owner)
    post = postman(office, there)
    assert not post.deliver_one()
    assert (office.row.state, office.row.error) == ("failed", "webhook_disabled")
    with office.runtime.database.transaction() as session:
        service.enable(session, owner, webhook)
    assert not post.deliver_one()
    office.act(owner)
    assert post.deliver_one()
    assert len(there.got) == 1


def test_an_account_that_was_closed_is_told_nothing_more(office: Office, there: Receiver) -> None:
    owner = office.account()
    office.webhook(owner, there.url())
    office.act(owner)
    with office.runtime.database.transaction() as session:
        session.execute(update(Account).values(closed_at=func.now()))
    office.act(owner)
    assert len(office.rows()) == 1
    assert not postman(office, there).deliver_one()
    assert there.got == []


def test_a_url_that_turned_private_since_it_was_made_is_not_reached(office: Office, there: Receiver) -> None:
    owner = office.account()
    office.webhook(owner, there.url())
    office.act(owner)
    closed = Deliveries(office.runtime, outbound(there, allowed=()))
    assert closed.deliver_one()
    assert (office.row.state, office.row.error, there.got) == ("waiting", "address_refused", [])


def test_a_secret_moved_to_another_webhook_signs_nothing(office: Office, there: Receiver) -> None:
    owner = office.account()
    one, other = office.webhook(owner, there.url()), office.webhook(owner, there.url(), "box.make")
    with office.runtime.database.transaction() as session:
        session.get_one(Webhook, one).sealed = session.get_one(Webhook, other).sealed
    office.act(owner)
    assert postman(office, there).deliver_one()
    assert (office.row.error, there.got) == ("secret_unreadable", [])


def test_each_type_says_what_it_tells_and_what_is_not_on_the_list_stays_inside() -> None:
    assert set(KINDS) == set(TYPES)
    inside = {"customer_id": "acc_2", "caller": "192.0.2.0/24", "address": "192.0.2.1", "sha256": "0", "secret": "s"}
    for event_type in TYPES:
        assert len(KINDS[event_type].about) > 10
        assert public_detail(event_type, inside) == {}
    assert public_detail("session.open", {"box_id": "box_1"}) == {}
