"""Tokens, one-time links and session cookies: shown once, stored as a keyed hash."""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass

from sdb_service.errors import Unauthenticated
from sdb_service.secret import Secret

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_BODY = 40


@dataclass(frozen=True)
class FreshCredential:
    """A credential just made: `text` goes to the person, `digest` into the database."""

    text: Secret
    prefix: str
    digest: str


def make(kind: str, *, key: Secret) -> FreshCredential:
    """A new credential such as `sdb_ab12...`: 40 random characters (206 bits) and a checksum against typing errors."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_BODY))
    text = f"{kind}_{body}{_checksum(body)}"
    return FreshCredential(Secret(text.encode()), text[: len(kind) + 7], digest_of(text, key=key))


def digest_of(text: str, *, key: Secret) -> str:
    """HMAC-SHA256 of a credential as hex: what a database leak shows, useless without the key."""
    return hmac.new(key.reveal(), text.encode(), hashlib.sha256).hexdigest()


def require_well_formed(text: str, kind: str) -> None:
    """Refuse what cannot be a credential before the database is asked.

    Raises:
        Unauthenticated: wrong prefix, length or checksum.
    """
    name, _, rest = text.partition("_")
    well_formed = name == kind and len(rest) == _BODY + 6 and _checksum(rest[:_BODY]) == rest[_BODY:]
    if not well_formed:
        raise Unauthenticated(
            "token_invalid",
            "The token is not valid; send 'Authorization: Bearer <token>' with a token of this service.",
        )


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    return digits
