"""Licenses: the right of a customer to a box's knowledge, and the key it opens with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sdb_client.http import Wire, path, read_json
from sdb_client.keys import Key
from sdb_client.shapes import from_json

Mode = Literal["delivered", "hosted"]

_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"\x93NUMPY": "application/x-npy"}

_TRACE_SECONDS = 600.0  # thousands of licenses of large keys take minutes


@dataclass(frozen=True)
class License:
    """One customer's right to one box. `valid` says whether it is good now, and `reason`, a stable code, why not.

    Where `valid_for_days` is set, `expires_at` is counted from `first_used_at`, and not set before that.
    """

    id: str
    box_id: str
    account_id: str
    customer_id: str
    mode: str
    state: str
    valid: bool
    reason: str
    created_at: datetime
    downloads: int = 0
    expires_at: datetime | None = None
    max_downloads: int | None = None
    max_predictions: int | None = None
    images_per_minute: int | None = None
    predictions: int = 0
    entitlements: tuple[str, ...] = ()
    valid_for_days: int | None = None
    first_used_at: datetime | None = None
    transfers: int = 0
    replaces_license_id: str | None = None
    replaced_by: str | None = None


@dataclass(frozen=True)
class SigningKey:
    """A public key of the service: what its license files are checked with. Old ones stay; one is `current`."""

    id: str
    public_key: str
    current: bool


@dataclass(frozen=True)
class _SigningKeys:
    data: tuple[SigningKey, ...]


@dataclass(frozen=True)
class Suspect:
    """A license whose mark a found key carries; `false_accusation` bounds how likely chance alone explains it."""

    license_id: str
    customer_id: str
    z: float
    false_accusation: float


@dataclass(frozen=True)
class Trace:
    """What a found key tells: `verdict` is "attributed" (to `licenses`, the surest first) or "not_attributable"."""

    box_id: str
    verdict: str
    reason: str
    detail: str
    licenses: tuple[Suspect, ...]
    compared: int
    limit: float


class Licenses:
    """`client.licenses`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def grant(
        self,
        box_id: str,
        customer_id: str,
        *,
        mode: Mode = "delivered",
        entitlements: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        valid_for_days: int | None = None,
        max_downloads: int | None = None,
        max_predictions: int | None = None,
        images_per_minute: int | None = None,
    ) -> License:
        """Give a customer the right to your box: to its key (`delivered`), or to answers that never show it (`hosted`).

        `entitlements` are all that the mode gives (`key:download`, `distill` and `box:download`, or `distill` alone),
        unless you name fewer. The license ends at `expires_at`, which needs
        a time zone, or `valid_for_days` after its first use, or whichever of both comes sooner.
        """
        body = {
            "box_id": box_id,
            "customer_id": customer_id,
            "mode": mode,
            "entitlements": None if entitlements is None else list(entitlements),
            "expires_at": expires_at.isoformat() if expires_at else None,
            "valid_for_days": valid_for_days,
            "max_downloads": max_downloads,
            "max_predictions": max_predictions,
            "images_per_minute": images_per_minute,
        }
        return from_json(License, self._wire.create("/v1/licenses", body))

    def list(self) -> Iterator[License]:
        """The licenses you gave or hold, newest first."""
        return self._wire.pages("/v1/licenses", License)

    def get(self, license_id: str) -> License:
        return from_json(License, self._wire.get(path("v1", "licenses", license_id)))

    def suspend(self, license_id: str) -> License:
        """Stop a license for now. Raises Conflict where it is not active."""
        return from_json(License, self._wire.act(path("v1", "licenses", license_id, "suspend")))

    def reinstate(self, license_id: str) -> License:
        """Let a suspended license be good again. Raises Conflict where it is not suspended."""
        return from_json(License, self._wire.act(path("v1", "licenses", license_id, "reinstate")))

    def renew(self, license_id: str, *, expires_at: datetime | None) -> License:
        """Give a license a new end, also one that has expired; None means without end."""
        body = {"expires_at": expires_at.isoformat() if expires_at else None}
        return from_json(License, self._wire.act(path("v1", "licenses", license_id, "renew"), body, repeatable=True))

    def revoke(self, license_id: str) -> License:
        """End a license for good.

        Everything under a hosted one ends at once. A key that was delivered before cannot be called back.
        """
        return from_json(License, self._wire.act(path("v1", "licenses", license_id, "revoke")))

    def transfer(self, license_id: str, customer_id: str) -> License:
        """Give a license to another customer, with what is left of it; whoever held it is refused at once.

        A key that they were delivered before cannot be called back. Raises Conflict where the license is revoked.
        """
        body = {"customer_id": customer_id}
        return from_json(License, self._wire.act(path("v1", "licenses", license_id, "transfer"), body))

    def file(self, license_id: str) -> bytes:
        """The license as a signed file, good for some days where the service cannot be asked; see `license_files`.

        Raises:
            NotAllowed: the license is not good now; the code says why.
        """
        return self._wire.send("GET", path("v1", "licenses", license_id, "file")).content

    def signing_keys(self) -> Sequence[SigningKey]:
        """The public keys of the service, the one in use first. Take them once, over a connection you trust."""
        return from_json(_SigningKeys, self._wire.get("/v1/signing-keys")).data

    def key(self, license_id: str) -> Key:
        """The key, for the customer of an active `delivered` license. Counted, and recorded in the audit log.

        Never repeated by itself: each download counts against `max_downloads`.

        Raises:
            NotAllowed: the license does not give out the key; the code says why. KeyUnreadable: damaged on the way.
        """
        answer = self._wire.send("GET", path("v1", "licenses", license_id, "key"), repeatable=False)
        return Key.from_bytes(answer.content)

    def trace(self, box_id: str, found: Path | str | bytes) -> Trace:
        """Which licenses of your box a key that turned up came from; recorded in the audit log.

        `found` is a key file (changed or not), a float32 .npy of kappa [C, H, W], or a picture of it.

        Raises:
            NotFound: the box is not yours. Invalid: the key does not fit the box.
        """
        content = found if isinstance(found, bytes) else Path(found).read_bytes()
        kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), "application/octet-stream")
        address, headers = path("v1", "boxes", box_id, "trace"), {"Content-Type": kind}
        answer = self._wire.send(
            "POST", address, content=content, headers=headers, repeatable=False, timeout=_TRACE_SECONDS
        )
        return from_json(Trace, read_json(answer))
