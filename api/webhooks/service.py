"""Deciding about webhooks: everybody may have some, for what happens to their own account."""

from sqlalchemy.orm import Session

from api.webhooks import queries, schemas
from api.webhooks.signing import fresh_secret, seal_secret, shown
from sdb_service import clock
from sdb_service.errors import Conflict
from sdb_service.events import TEST
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.lifecycle import deliveries
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.secret import Secret
from sdb_service.tables import Webhook, WebhookDelivery
from sdb_service.telling import delivery

MOST_OF_ONE_ACCOUNT = 20
MOST_TESTS_WAITING = 10


def create(session: Session, caller: Caller, wanted: schemas.NewWebhook, *, runtime: Runtime) -> tuple[Webhook, Secret]:
    """A webhook of the caller's own account, whose url was found fit, and its secret as it is shown this once."""
    if queries.count_of(session, caller.account_id) >= MOST_OF_ONE_ACCOUNT:
        raise Conflict(
            "webhooks_too_many", f"An account has at most {MOST_OF_ONE_ACCOUNT} webhooks; delete one you do not need."
        )
    secret, webhook_id, now = fresh_secret(), new_id("whk"), clock.now()
    webhook = Webhook(
        id=webhook_id,
        account_id=caller.account_id,
        created_at=now,
        url=wanted.url,
        description=wanted.description,
        events=list(wanted.events),
        sealed=seal_secret(secret, account_id=caller.account_id, webhook_id=webhook_id, keys=runtime.keys),
        state="enabled",
        free_at=now,
        tried_at=now,
    )
    session.add(webhook)
    session.flush()
    record_act(session, caller, "webhook.create", webhook.id, owner=webhook.account_id)  # a url may hold secrets
    return webhook, shown(secret)


def delete(session: Session, caller: Caller, webhook_id: str) -> None:
    """Remove a webhook, and all that it was or should have been told."""
    webhook = queries.get_webhook(session, caller, webhook_id)
    session.delete(webhook)
    session.flush()
    record_act(session, caller, "webhook.delete", webhook_id, owner=webhook.account_id)


def disable(session: Session, caller: Caller, webhook_id: str) -> Webhook:
    """Tell it nothing more, and drop what waits."""
    webhook = queries.get_webhook(session, caller, webhook_id)
    if deliveries.disable_webhook(session, webhook.id, reason="by_hand"):
        detail = {"reason": "by_hand"}
        record_act(session, caller, "webhook.disable", webhook.id, owner=webhook.account_id, detail=detail)
    session.refresh(webhook)
    return webhook


def enable(session: Session, caller: Caller, webhook_id: str) -> Webhook:
    """Tell it what happens from now on."""
    webhook = queries.get_webhook(session, caller, webhook_id)
    if deliveries.enable_webhook(session, webhook.id):
        record_act(session, caller, "webhook.enable", webhook.id, owner=webhook.account_id)
    session.refresh(webhook)
    return webhook


def test(session: Session, caller: Caller, webhook_id: str) -> WebhookDelivery:
    """Tell this webhook a `webhook.test`. Raises `Conflict` where it is disabled, or many tests wait already."""
    webhook = queries.get_webhook(session, caller, webhook_id)
    _require_enabled(webhook)
    waiting = queries.deliveries_of(webhook).where(WebhookDelivery.type == TEST, WebhookDelivery.state == "waiting")
    if len(session.execute(waiting.limit(MOST_TESTS_WAITING)).all()) >= MOST_TESTS_WAITING:
        raise Conflict("tests_waiting", "Many tests of this webhook wait to be delivered already; look at those first.")
    made = delivery(webhook, TEST, webhook.id)
    session.add(made)
    session.flush()
    return made


def redeliver(session: Session, caller: Caller, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Tell the same again, under the same id. Raises `Conflict` where it still waits, or the webhook is disabled."""
    webhook = queries.get_webhook(session, caller, webhook_id)
    found = queries.get_delivery(session, webhook, delivery_id)
    _require_enabled(webhook)
    if not deliveries.queue_again(session, found.id):
        raise Conflict("delivery_waiting", "This delivery still waits for its next attempt; look at it in a while.")
    record_act(session, caller, "webhook.redeliver", webhook.id, owner=webhook.account_id, detail={"id": found.id})
    session.refresh(found)
    return found


def _require_enabled(webhook: Webhook) -> None:
    if webhook.state != "enabled":
        raise Conflict("webhook_disabled", "The webhook is disabled; enable it first.")
