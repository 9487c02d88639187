"""The HTTP shapes of webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, field_validator

from api.shapes import Body, Name
from api.webhooks.addresses import MOST_CHARACTERS
from sdb_service.events import EventType
from sdb_service.secret import Secret
from sdb_service.tables import Webhook as WebhookRow
from sdb_service.tables import WebhookDelivery as DeliveryRow

Url = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)]


class NewWebhook(Body):
    url: Url = Field(description="https, a public host, port 443 or 8443; redirects are not followed.")
    events: list[EventType] = Field(min_length=1, max_length=50, description="What to tell; nothing else is told.")
    description: Name | None = None

    @field_validator("events")
    @classmethod
    def _each_once(cls, value: list[EventType]) -> list[EventType]:
        return list(dict.fromkeys(value))


class Webhook(BaseModel):
    id: str
    account_id: str
    url: str
    description: str | None
    events: list[str]
    state: Literal["enabled", "disabled"]
    disabled_reason: str | None = Field(
        description="by_hand; failing: nothing arrived for days; gone: the receiver answered 410."
    )
    failing_since: datetime | None = Field(description="Since when nothing arrived; null where the last one did.")
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookRow) -> Self:
        return cls.model_validate(row, from_attributes=True)


class FreshWebhook(Webhook):
    """A webhook just made, with its secret."""

    secret: str = Field(description="Verifies what is sent (Standard Webhooks, v1). Shown here and never again.")

    @classmethod
    def shown(cls, row: WebhookRow, secret: Secret) -> Self:
        plain = Webhook.of(row).model_dump()
        return cls.model_validate(plain | {"secret": secret.reveal().decode()})


class Delivery(BaseModel):
    id: str = Field(description="The `webhook-id` header, the same at each attempt: whoever saw it need not act again.")
    webhook_id: str
    type: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    created_at: datetime
    tried_at: datetime | None
    next_at: datetime | None = Field(description="When it is tried next, while it waits.")
    status: int | None = Field(description="HTTP status of the receiver's last answer.")
    error: str | None = Field(
        description="Stable code: address_refused, url_refused, connection_failed, tls_failed, timed_out, "
        "redirect_refused, status_not_2xx, webhook_disabled, secret_unreadable."
    )
    answer: str | None = Field(description="How the receiver's last answer began, at most 1 KiB.")
    body: str = Field(description="What is sent, byte for byte.")

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        plain: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate(plain | {"next_at": row.next_at if row.state == "waiting" else None})
