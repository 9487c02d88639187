"""Signed heads of the audit log, kept in storage: how far the log had come, whatever the database says later.

`audit/heads/2031-05-17.json` is the first of its day that differs from the one before, and is never written again;
`audit/newest.json` is a few seconds old. One that the database no longer agrees with is kept as `audit/heads/lost-...`.
"""

import base64
import binascii
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.errors import Conflict, NotFound
from sdb_service.signing import SignatureInvalid, SigningKey, verify
from sdb_service.storage import Storage
from sdb_service.tables.audit import AuditEvent, AuditHead

log = logging.getLogger(__name__)

FOLDER = "audit/heads"
NEWEST = "audit/newest.json"
ACCEPTED = "restored.accept"
_KIND = "sdb-audit-head/1"
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Head:
    """The log ended at row `number` with `hash` at this moment; rows from `keyed_from` on are under the audit key."""

    number: int
    hash: str
    keyed_from: int | None
    at: str

    @property
    def day(self) -> str:
        return self.at[:10]

    def signed(self, key: SigningKey) -> bytes:
        """The file of this head."""
        signature = base64.b64encode(key.sign(_message(self))).decode()
        fields = {"format": _KIND, **asdict(self), "key_id": key.key_id, "signature": signature}
        return json.dumps(fields, indent=1).encode() + b"\n"


def current_head(session: Session) -> Head:
    """Where the log ends now."""
    row = session.execute(select(AuditHead.number, AuditHead.hash, AuditHead.keyed_from)).one()
    return Head(row.number, row.hash, row.keyed_from, clock.now().isoformat(timespec="seconds"))


def read_head(storage: Storage, name: str, *, public_key: str) -> Head:
    """A head that the service signed.

    Raises:
        NotFound: there is none of this name. SignatureInvalid: it is not, bit for bit, what was signed.
    """
    content = b"".join(storage.read(name))[:_MOST_BYTES]
    try:
        fields = json.loads(content)
        head = Head(fields["number"], fields["hash"], fields["keyed_from"], fields["at"])
        datetime.fromisoformat(head.at)
        signature = base64.b64decode(fields["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise SignatureInvalid from error
    verify(public_key, signature, _message(head))
    return head


def newest_head(storage: Storage, *, public_key: str) -> Head | None:
    """The newest head in storage, or None where there is none. Raises `SignatureInvalid`."""
    if not storage.exists(NEWEST):
        return None
    return read_head(storage, NEWEST, public_key=public_key)


def all_heads(storage: Storage, *, public_key: str, strict: bool = True) -> list[Head]:
    """Every signed head in storage, oldest first; unless `strict`, without those that were not signed with this key.

    Raises:
        Conflict: one was not signed with this key, or was changed.
    """
    found = []
    for name in [*storage.keys(FOLDER), *([NEWEST] if storage.exists(NEWEST) else [])]:
        try:
            found.append(read_head(storage, name, public_key=public_key))
        except NotFound:  # a newest one just being replaced
            continue
        except SignatureInvalid as error:
            if not strict:
                log.error("a signed head in storage was changed, or signed with another key", extra={"head": name})
                continue
            raise Conflict(
                "audit_head_invalid",
                f"The signed head {name} in storage is not what this service signed: it was changed, or the signing "
                "key is another one; restore the file or the key from a backup.",
            ) from error
    return sorted(found, key=lambda head: head.at)


def keep_head(storage: Storage, head: Head, *, signing: SigningKey) -> None:
    """Store a head as the newest, and as its day's where that has none."""
    content = head.signed(signing)
    daily = f"{FOLDER}/{head.day}.json"
    if not storage.exists(daily):
        storage.put_bytes(daily, content)
    storage.put_bytes(NEWEST, content)


def keep_lost(storage: Storage, head: Head, *, signing: SigningKey) -> None:
    """Store a head that the database no longer agrees with where no newer one takes its place."""
    storage.put_bytes(f"{FOLDER}/lost-{head.number}-{head.hash[:16]}.json", head.signed(signing))


def fits(session: Session, head: Head) -> bool:
    """Whether the log still has the row that this head names."""
    if head.number == 0:
        return True
    found = session.execute(select(AuditEvent.hash).where(AuditEvent.number == head.number)).scalar_one_or_none()
    return found == head.hash


def accepted(session: Session) -> set[tuple[int, str]]:
    """Heads that an operator has said were lost by restoring a backup. Forged, these rows break the chain itself."""
    rows = session.execute(select(AuditEvent.detail).where(AuditEvent.action == ACCEPTED)).scalars()
    return {(number, row_hash) for detail in rows for number, row_hash in detail.get("lost", [])}


def vouched(session: Session, heads: Iterable[Head]) -> tuple[Mapping[int, frozenset[str]], int | None]:
    """What `first_bad_row` holds the log against: hashes by number, and the first row under the key."""
    lost = accepted(session)
    known: dict[int, frozenset[str]] = {}
    held = [head for head in heads if head.number and (head.number, head.hash) not in lost]
    for head in held:
        known[head.number] = known.get(head.number, frozenset()) | {head.hash}
    return known, min((head.keyed_from for head in held if head.keyed_from), default=None)


def _message(head: Head) -> bytes:
    return f"{_KIND}\n{json.dumps(asdict(head), sort_keys=True)}".encode()
