"""Finding webhooks and what they were told."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Webhook, WebhookDelivery


def visible_webhooks(caller: Caller) -> Select[Webhook]:
    return select(Webhook).where(Webhook.account_id == caller.account_id)


def get_webhook(session: Session, caller: Caller, webhook_id: str) -> Webhook:
    """The caller's own webhook. Raises `NotFound`."""
    found = session.execute(visible_webhooks(caller).where(Webhook.id == webhook_id)).scalar_one_or_none()
    if found is None:
        raise not_found("webhook", webhook_id)
    return found


def deliveries_of(webhook: Webhook) -> Select[WebhookDelivery]:
    return select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)


def get_delivery(session: Session, webhook: Webhook, delivery_id: str) -> WebhookDelivery:
    """One of a webhook's deliveries. Raises `NotFound`."""
    found = session.execute(deliveries_of(webhook).where(WebhookDelivery.id == delivery_id)).scalar_one_or_none()
    if found is None:
        raise not_found("delivery", delivery_id)
    return found


def count_of(session: Session, account_id: str) -> int:
    statement = select(func.count()).select_from(Webhook).where(Webhook.account_id == account_id)
    return session.execute(statement).scalar_one()
