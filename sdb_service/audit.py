"""The audit log: each row carries the hash of the one before, so a change in the middle shows."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.ids import new_id
from sdb_service.tables.audit import AuditEvent, AuditHead

GENESIS = "0" * 64


def record(
    session: Session,
    action: str,
    *,
    actor_id: str | None,
    account_id: str | None,
    object_type: str,
    object_id: str,
    detail: dict[str, Any] | None = None,
    address: str | None = None,
    request_id: str | None = None,
) -> AuditEvent:
    """Append one event in the caller's transaction: it is written exactly when the act itself is.

    `actor_id` did it, `account_id` owns the object and may read the row.
    """
    head = session.execute(select(AuditHead).where(AuditHead.id == 1).with_for_update()).scalar_one()
    event = AuditEvent(
        id=new_id("evt"),
        number=head.number + 1,
        at=clock.now(),
        action=action,
        actor_id=actor_id,
        account_id=account_id,
        object_type=object_type,
        object_id=object_id,
        detail=detail or {},
        address=address,
        request_id=request_id,
        previous_hash=head.hash,
        hash="",
    )
    event.hash = digest(event)
    head.number, head.hash = event.number, event.hash
    session.add(event)
    session.flush()
    return event


def digest(event: AuditEvent) -> str:
    """SHA-256 over the previous hash and every field of the event in canonical JSON, as hex."""
    fields = {
        "id": event.id,
        "number": event.number,
        "at": event.at.isoformat(),
        "action": event.action,
        "actor_id": event.actor_id,
        "account_id": event.account_id,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "detail": event.detail,
        "address": event.address,
        "request_id": event.request_id,
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{event.previous_hash}\n{text}".encode()).hexdigest()


def first_bad_row(session: Session) -> tuple[int, str] | None:
    """Walk the chain; the number of the first row that does not fit and why, or None where all fit."""
    expected, number = GENESIS, 0
    for event in _in_order(session):
        number += 1
        if event.number != number:
            return number, f"row {number} is missing; the next one found is {event.number}"
        if event.previous_hash != expected:
            return number, f"row {number} does not follow the row before it"
        if event.hash != digest(event):
            return number, f"row {number} was changed after it was written"
        expected = event.hash
    head = session.get_one(AuditHead, 1)
    if (head.number, head.hash) != (number, expected):
        return number + 1, f"the log ends at row {number}, but {head.number} rows were written"
    return None


def _in_order(session: Session) -> Iterator[AuditEvent]:
    return iter(session.execute(select(AuditEvent).order_by(AuditEvent.number)).scalars().yield_per(1000))
