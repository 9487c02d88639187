"""Deliveries: at least once, again for days, one webhook never at the cost of another. On SQLite and on Postgres."""

import threading
from datetime import timedelta

import pytest

from api.webhooks.delivering import Deliveries
from sdb_service.lifecycle import deliveries
from tests.api.webhooks.offices import Clock, Office, postman
from tests.api.webhooks.receivers import Receiver, receiver

pytestmark = pytest.mark.trust


def test_a_failing_receiver_is_tried_with_growing_pauses_for_three_days(
    office: Office, there: Receiver, time_: Clock
) -> None:
    there.will_answer(500)
    owner = office.account()
    office.webhook(owner, there.url())
    office.act(owner)
    post, pauses = postman(office, there), []
    began = time_.now
    while office.row.state == "waiting":
        assert post.deliver_one()
        assert not post.deliver_one(), "it was tried again without a pause"
        if office.row.state == "waiting":
            pauses.append((office.row.next_at - time_.now).total_seconds())
            time_.now = office.row.next_at + timedelta(seconds=1)
    for number, pause in enumerate(pauses):
        expected = min(10.0 * 4**number, 12 * 3600)
        assert 0.8 * expected <= pause <= 1.2 * expected, f"pause {number}"
    assert len({round(pause / min(10.0 * 4**n, 12 * 3600), 6) for n, pause in enumerate(pauses)}) > 5, "no jitter"
    assert timedelta(days=2.2) < time_.now - began <= timedelta(days=3)
    assert (office.row.state, office.row.error) == ("failed", "status_not_2xx")
    assert len(there.got) == office.row.attempts == len(pauses) + 1
    assert {got.headers["webhook-id"] for got in there.got} == {office.row.id}
    assert len({got.body for got in there.got}) == 1
    assert not post.deliver_one()


def test_a_receiver_that_comes_back_is_told_and_counts_as_well(office: Office, there: Receiver, time_: Clock) -> None:
    there.will_answer(503, 503, 200)
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    office.act(owner)
    post = postman(office, there)
    for _ in range(3):
        assert post.deliver_one()
        time_.pass_(hours=1)
    assert (office.row.state, office.row.attempts) == ("delivered", 3)
    assert office.seen(webhook).failing_since is None


def test_a_crash_between_sending_and_recording_sends_again_under_the_same_id(
    office: Office, there: Receiver, time_: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = office.account()
    office.webhook(owner, there.url())
    office.act(owner)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    post = postman(office, there)
    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "note_delivered", crash)
        with pytest.raises(KeyboardInterrupt):
            post.deliver_one()
    assert (len(there.got), office.row.state) == (1, "waiting")
    assert not post.deliver_one(), "its lease is not over"
    time_.pass_(seconds=deliveries.LEASE_SECONDS + 1)
    assert post.deliver_one()
    assert [got.headers["webhook-id"] for got in there.got] == [office.row.id] * 2
    assert (office.row.state, office.row.attempts) == ("delivered", 2)


def test_the_word_of_an_attempt_that_lost_its_lease_does_not_count(
    office: Office, there: Receiver, time_: Clock
) -> None:
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    office.act(owner)
    claims = []
    for _ in range(2):
        with office.runtime.database.transaction() as session:
            claims.append(deliveries.claim_delivery(session))
        time_.pass_(seconds=deliveries.LEASE_SECONDS + 1)
    late, current = claims
    assert late is not None
    assert current is not None
    with office.runtime.database.transaction() as session:
        deliveries.note_failed(session, late, deliveries.Answered(500, "status_not_2xx"), failing_days=0)
    assert (office.row.state, office.seen(webhook).state) == ("waiting", "enabled")
    with office.runtime.database.transaction() as session:
        deliveries.note_delivered(session, current, deliveries.Answered(204))
    assert office.row.state == "delivered"


def test_many_processes_share_the_work_and_send_nothing_twice(office: Office, there: Receiver) -> None:
    owner = office.account()
    for _ in range(6):
        office.webhook(owner, there.url())
    for _ in range(5):
        office.act(owner)
    posts = [postman(office, there) for _ in range(4)]

    def work(post: Deliveries) -> None:
        misses = 0
        while misses < 20:
            misses = 0 if post.deliver_one() else misses + 1

    threads = [threading.Thread(target=work, args=(post,)) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ids = [got.headers["webhook-id"] for got in there.got]
    assert len(ids) == len(set(ids)) == 30
    assert {row.state for row in office.rows()} == {"delivered"}


def test_a_dead_receiver_with_a_long_queue_holds_up_itself_alone(office: Office, there: Receiver) -> None:
    dead, well = office.account("dead"), office.account("well")
    with receiver() as broken:
        broken.will_answer(500)
        office.webhook(dead, broken.url())
        office.webhook(well, there.url())
        for _ in range(20):
            office.act(dead)
        for _ in range(3):
            office.act(well)
        post = postman(office, there, broken)
        attempts = 0
        while len(there.got) < 3:
            assert post.deliver_one()
            attempts += 1
        assert attempts <= 4
        assert len(broken.got) <= 1


def test_after_failing_for_days_a_webhook_is_disabled_and_the_audit_log_says_so(
    office: Office, there: Receiver, time_: Clock
) -> None:
    there.will_answer(500)
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    post = postman(office, there)
    for _ in range(6):
        assert office.seen(webhook).state == "enabled"
        office.act(owner)
        while post.deliver_one():
            pass
        time_.pass_(days=1)
    found = office.seen(webhook)
    assert (found.state, found.disabled_reason) == ("disabled", "failing")
    assert office.acts()[-1] == ("webhook.disable", "failing")
    assert {row.state for row in office.rows()} == {"failed"}
    office.act(owner)
    assert len(office.rows()) == 6
    assert not post.deliver_one()


def test_a_receiver_that_says_gone_is_left_alone(office: Office, there: Receiver) -> None:
    there.will_answer(410)
    owner = office.account()
    webhook = office.webhook(owner, there.url())
    office.act(owner)
    assert postman(office, there).deliver_one()
    assert (office.seen(webhook).state, office.seen(webhook).disabled_reason) == ("disabled", "gone")
    assert office.acts()[-1] == ("webhook.disable", "gone")


def test_what_is_a_month_old_is_forgotten_unless_it_waits(office: Office, there: Receiver, time_: Clock) -> None:
    owner = office.account()
    office.webhook(owner, there.url())
    office.act(owner)
    postman(office, there).deliver_one()
    office.act(owner)
    time_.pass_(days=31)
    with office.runtime.database.transaction() as session:
        deliveries.forget_old_deliveries(session)
    assert office.row.state == "waiting"
