"""What holds the rows of the audit log together.

Rows of version 0 carry a plain SHA-256 over the row and the hash before it; whoever can write to the database can
compute it too. Rows of version 1 carry HMAC-SHA256 (RFC 2104) under the audit key, also over the proof that the head of
the log carried at that moment. The proof is stored in the head alone and is gone with the next row: who cuts the log
off cannot put back the one that belonged to its new end, and the next row to be written does not hide it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol

from sdb_service.secret import Secret

GENESIS = "0" * 64
PLAIN, KEYED = 0, 1

_FIELDS = (
    "id",
    "number",
    "at",
    "action",
    "actor_id",
    "account_id",
    "object_type",
    "object_id",
    "detail",
    "address",
    "request_id",
)
_KEYED_FIELDS = (*_FIELDS, "user_id", "outcome")
_values: dict[tuple[str, ...], Callable[[Any], tuple[Any, ...]]] = {
    names: attrgetter(*names) for names in (_FIELDS, _KEYED_FIELDS)
}
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Event(Protocol):
    """A row, as an object of the session or as selected columns."""

    number: Any
    version: Any
    previous_hash: Any


def digest(event: Event, *, key: Secret | None = None, proof: str = "") -> str:
    """The hash of a row, as hex: under `key`, with the `proof` of the head before it, where its version says so."""
    if event.version == PLAIN or key is None:
        return hashlib.sha256(f"{event.previous_hash}\n{_canonical(event, _FIELDS)}".encode()).hexdigest()
    text = f"sdb-audit-row/1\n{proof}\n{event.previous_hash}\n{_canonical(event, _KEYED_FIELDS)}"
    return hmac.digest(key.reveal(), text.encode(), "sha256").hex()


def proof_of(number: int, row_hash: str, keyed_from: int, *, key: Secret) -> str:
    """What the head carries to show that the log ended at this row, as hex."""
    text = f"sdb-audit-end/1\n{number}\n{row_hash}\n{keyed_from}"
    return hmac.digest(key.reveal(), text.encode(), "sha256").hex()


def _canonical(event: Event, names: tuple[str, ...]) -> str:
    fields = dict(zip(names, _values[names](event), strict=True))
    moment: datetime = fields["at"]
    fields["at"] = moment.isoformat()
    return _encode(fields)
