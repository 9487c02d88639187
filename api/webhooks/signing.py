"""Signatures after the Standard Webhooks specification (standardwebhooks.com), version v1: HMAC-SHA256."""

import base64
import hashlib
import hmac
import secrets

from sdb_service.sealing import KeyEncryption, seal, unseal
from sdb_service.sealing.contexts import webhook_context
from sdb_service.secret import Secret

PREFIX = "whsec_"
_BYTES = 32


def fresh_secret() -> Secret:
    """A new signing secret: 256 random bits."""
    return Secret(secrets.token_bytes(_BYTES))


def shown(secret: Secret) -> Secret:
    """The secret as its owner keeps it: `whsec_` and base64."""
    return Secret(PREFIX.encode() + base64.b64encode(secret.reveal()))


def seal_secret(secret: Secret, *, account_id: str, webhook_id: str, keys: KeyEncryption) -> bytes:
    """Sealed for its row: moved to another it does not open."""
    return seal(secret, context=webhook_context(account_id=account_id, webhook_id=webhook_id), keys=keys)


def open_secret(sealed: bytes, *, account_id: str, webhook_id: str, keys: KeyEncryption) -> Secret:
    """What `seal_secret` sealed. Raises `SealBroken`."""
    return unseal(sealed, context=webhook_context(account_id=account_id, webhook_id=webhook_id), keys=keys)


def signed_headers(secret: Secret, message_id: str, body: bytes, *, timestamp: int) -> dict[str, str]:
    """The three headers that name and sign a message; `timestamp` in seconds bounds how long a copy is of use."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret.reveal(), signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
