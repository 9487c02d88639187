"""Webhooks: addresses of yours that are told what happens, and how a receiver knows that the service told it."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sdb_client.errors import WebhookRefused
from sdb_client.http import Wire, path
from sdb_client.shapes import from_json

_PREFIX = "whsec_"


@dataclass(frozen=True)
class Webhook:
    """An address that is told of `events`; `state` is enabled or disabled, and `disabled_reason` says why."""

    id: str
    account_id: str
    url: str
    events: tuple[str, ...]
    state: str
    created_at: datetime
    description: str | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True)
class FreshWebhook(Webhook):
    """A webhook just made; `secret` verifies what it is told (see `verify_webhook`) and is shown this once."""

    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class WebhookDelivery:
    """One event for one webhook: `waiting` for its next attempt, `delivered`, or `failed` for good."""

    id: str
    webhook_id: str
    type: str
    state: str
    attempts: int
    created_at: datetime
    body: str
    tried_at: datetime | None = None
    next_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    answer: str | None = None


class Webhooks:
    """`client.webhooks`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, url: str, *, events: Sequence[str], description: str | None = None) -> FreshWebhook:
        """Have `url` told of these events, such as `license.revoke` or `box.rekey`.

        Never repeated by itself: after a lost connection, look in `list()` for one whose secret nobody holds.

        Raises:
            Invalid: the url leads to no public address, or an event does not exist.
        """
        body = {"url": url, "events": [*events], "description": description}
        return from_json(FreshWebhook, self._wire.act("/v1/webhooks", body))

    def list(self) -> Iterator[Webhook]:
        """Your webhooks, newest first."""
        return self._wire.pages("/v1/webhooks", Webhook)

    def get(self, webhook_id: str) -> Webhook:
        return from_json(Webhook, self._wire.get(path("v1", "webhooks", webhook_id)))

    def delete(self, webhook_id: str) -> None:
        """Remove it, with the record of what it was told."""
        self._wire.delete(path("v1", "webhooks", webhook_id))

    def enable(self, webhook_id: str) -> Webhook:
        """Tell it what happens from now on."""
        return from_json(Webhook, self._wire.act(path("v1", "webhooks", webhook_id, "enable"), repeatable=True))

    def disable(self, webhook_id: str) -> Webhook:
        """Tell it nothing more; what waits has failed."""
        return from_json(Webhook, self._wire.act(path("v1", "webhooks", webhook_id, "disable"), repeatable=True))

    def test(self, webhook_id: str) -> WebhookDelivery:
        """Send it a `webhook.test`. Raises Conflict where it is disabled."""
        return from_json(WebhookDelivery, self._wire.act(path("v1", "webhooks", webhook_id, "test")))

    def deliveries(self, webhook_id: str) -> Iterator[WebhookDelivery]:
        """What it was told, newest first."""
        return self._wire.pages(path("v1", "webhooks", webhook_id, "deliveries"), WebhookDelivery)

    def redeliver(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Send the same again, under its old id. Raises Conflict where it still waits."""
        address = path("v1", "webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return from_json(WebhookDelivery, self._wire.act(address))


def verify_webhook(
    secret: str, body: bytes, headers: Mapping[str, str], *, tolerance: float = 300.0, now: float | None = None
) -> dict[str, Any]:
    """What a request to your webhook says, after a look that the service sent it, lately and unchanged.

    `body` is the request's body as it came, before any parsing; `secret` is that of `FreshWebhook`. Messages may come
    twice: act once on each `id`. Standard Webhooks (standardwebhooks.com), version v1.

    Raises:
        WebhookRefused: a header is missing, it is more than `tolerance` seconds off, or nobody who knows the secret
            signed it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, moment, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age = (time.time() if now is None else now) - int(moment)
    except (KeyError, ValueError) as error:
        raise WebhookRefused(
            "The headers webhook-id, webhook-timestamp and webhook-signature are not all there"
        ) from error
    if abs(age) > tolerance:
        raise WebhookRefused("The message is too old or from the future: a copy, or a clock is wrong")
    signed = f"{message}.{moment}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")):
        raise WebhookRefused("No signature fits: another secret, or the body was changed")
    told: dict[str, Any] = json.loads(body)
    return told


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise WebhookRefused(
            "The secret is none: it begins with whsec_ and is shown when the webhook is made"
        ) from error
