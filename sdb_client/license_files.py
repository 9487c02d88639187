"""License files: what a license says, read and believed without asking the service.

A file is four lines of ASCII: the format, what is stated (JSON), the name of the signing key, and an Ed25519 signature
(RFC 8032) over the bytes of the first three. It is believed because of a public key that you took from the service
once and keep, and only for the days that it names: a license that was revoked meanwhile is not known here.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sdb_client.errors import AnswerUnreadable, LicenseFileRefused
from sdb_client.keys import Key
from sdb_client.shapes import from_json

TOLERANCE = timedelta(minutes=5)

_LARGEST = 65_536  # bytes
_LINES = re.compile(rb"(sdb-license/1\n(\{[ -~]*\})\nkey ([0-9a-f]{16})\n)signature ([0-9a-f]{128})\n")
_SCHEME = "ed25519:"


@dataclass(frozen=True)
class LicenseFile:
    """What the service stated of a license at `issued_at`; good until `expires_at`.

    `key_sha256` is that of kappa in the key file that this customer is given, where the license gives one.
    """

    license_id: str
    box_id: str
    provider_id: str
    customer_id: str
    mode: str
    entitlements: tuple[str, ...]
    state: str
    issued_at: datetime
    expires_at: datetime
    license_expires_at: datetime | None = None
    key_sha256: str | None = None

    def require_entitlement(self, name: str) -> None:
        """Let pass what the license is for, such as `distill`. Raises LicenseFileRefused."""
        if name not in self.entitlements:
            raise LicenseFileRefused(
                "license_file_not_entitled",
                f"The license is for {', '.join(self.entitlements)}, not for {name}; ask the provider for one that is.",
            )

    def require_key(self, key: Key) -> None:
        """Let pass the key that the license gave this customer. Raises LicenseFileRefused."""
        if key.box_id != self.box_id or hashlib.sha256(key.kappa.tobytes()).hexdigest() != self.key_sha256:
            raise LicenseFileRefused(
                "license_file_other_key", "The key is not the one that this license gives; use its own key."
            )


def verify(
    content: bytes | Path,
    *,
    public_key: str | Iterable[str],
    at: datetime | None = None,
    tolerance: timedelta = TOLERANCE,
) -> LicenseFile:
    """What a license file says, once all of it is believed.

    `public_key` is the service's, as `client.licenses.signing_keys()` tells it, or several of them. `at` is the moment
    to judge, now by default; `tolerance` is how far the service's clock may be ahead of this one. The end has none.

    Raises:
        LicenseFileRefused: it is not to be believed; `code` says why: license_file_unreadable, ..._unknown_key,
            ..._changed, ..._from_future, ..._expired or ..._not_active; or public_key_unreadable.
    """
    content = content.read_bytes() if isinstance(content, Path) else content
    lines = _LINES.fullmatch(content) if len(content) <= _LARGEST else None
    if lines is None:
        raise LicenseFileRefused("license_file_unreadable", "This is no license file, or it was damaged; get it again.")
    message, stated, key_id, signature = lines.groups()
    texts = [public_key] if isinstance(public_key, str) else list(public_key)
    _require_signed(message, bytes.fromhex(signature.decode()), texts, key_id=key_id.decode())
    try:
        found = from_json(LicenseFile, json.loads(stated))
    except (ValueError, TypeError, AnswerUnreadable) as error:
        raise LicenseFileRefused(
            "license_file_unreadable", "The file is signed but cannot be understood; update sdb_client."
        ) from error
    _require_good(found, at or datetime.fromtimestamp(time.time(), UTC), tolerance)
    return found


def _require_signed(message: bytes, signature: bytes, texts: list[str], *, key_id: str) -> None:
    text = next((text for text in texts if hashlib.sha256(text.encode()).hexdigest()[:16] == key_id), None)
    keys = [_public_key(text) for text in texts]  # also those not needed: a typing error must not go unseen
    if text is None:
        raise LicenseFileRefused(
            "license_file_unknown_key",
            f"The file names the signing key {key_id}, which is not among those you trust; compare them with the "
            "service's: sdb licenses signing-keys.",
        )
    try:
        keys[texts.index(text)].verify(signature, message)
    except InvalidSignature as error:
        raise LicenseFileRefused(
            "license_file_changed", "The file was changed after it was signed; get it again from the service."
        ) from error


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(_SCHEME), validate=True))
    except ValueError as error:
        raise LicenseFileRefused(
            "public_key_unreadable", f"{text[:60]!r} is no public key; take it from: sdb licenses signing-keys."
        ) from error


def _require_good(found: LicenseFile, now: datetime, tolerance: timedelta) -> None:
    if found.issued_at > now + tolerance:
        raise LicenseFileRefused(
            "license_file_from_future",
            f"The file was issued at {found.issued_at.isoformat()}, which is yet to come; set this machine's clock.",
        )
    if now >= found.expires_at:
        raise LicenseFileRefused(
            "license_file_expired",
            f"The file was good until {found.expires_at.isoformat()}; get a new one: sdb licenses file.",
        )
    if found.state != "active":
        raise LicenseFileRefused("license_file_not_active", f"The license is {found.state}; ask its provider.")
