"""Telling webhooks: rows written in the transaction of what they tell of, so that both happen or neither."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.events import TYPES, public_detail
from sdb_service.ids import new_id
from sdb_service.tables import Account, Webhook, WebhookDelivery

ID = "msg"  # the prefix of what is told; the whole is the `webhook-id` of the Standard Webhooks specification


def tell_webhooks(
    session: Session,
    event_type: str,
    object_id: str,
    *,
    accounts: Sequence[str | None],
    detail: dict[str, Any] | None = None,
) -> None:
    """Leave a delivery for each enabled webhook of these accounts that asked for events of this type."""
    if event_type not in TYPES:
        return
    statement = select(Webhook).join(Account, Account.id == Webhook.account_id)
    statement = statement.where(
        Webhook.account_id.in_({each for each in accounts if each}),
        Webhook.state == "enabled",
        Account.closed_at.is_(None),
    )
    for webhook in session.execute(statement).scalars():
        if event_type in webhook.events:
            session.add(delivery(webhook, event_type, object_id, detail=detail))


def delivery(
    webhook: Webhook, event_type: str, object_id: str, *, detail: dict[str, Any] | None = None
) -> WebhookDelivery:
    """A row that waits to be told to this webhook."""
    message, now = new_id(ID), clock.now()
    data = {"id": object_id, "object": event_type.partition(".")[0]} | public_detail(event_type, detail)
    body = {"id": message, "type": event_type, "timestamp": now.isoformat(), "data": data}
    return WebhookDelivery(
        id=message,
        account_id=webhook.account_id,
        created_at=now,
        webhook_id=webhook.id,
        type=event_type,
        body=json.dumps(body, separators=(",", ":"), ensure_ascii=True),
        state="waiting",
        attempts=0,
        queued_at=now,
        next_at=now,
    )
