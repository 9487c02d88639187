"""The audit log: each row carries the hash of the one before, so a change in the middle shows."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, true
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
    expected, number, written, last = GENESIS, 0, -1, ""
    for event, written, last in _in_order(session):  # noqa: B007
        if event is None:
            break
        number += 1
        why = _misfit(event, number, expected)
        if why is None and number > written:
            why = f"row {number} was added beside the log, in which {written} rows were written"
        if why is not None:
            return number, why
        expected = event.hash
    if (written, last) != (number, expected):
        head = f"{written} rows were written" if written >= 0 else "its head is gone"
        return number + 1, f"the log ends at row {number}, but {head}"
    return None


def _misfit(event: AuditEvent, number: int, expected: str) -> str | None:
    if event.number != number:
        return f"row {number} is missing; the next one found is {event.number}"
    if event.previous_hash != expected:
        return f"row {number} does not follow the row before it"
    if event.hash != digest(event):
        return f"row {number} was changed after it was written"
    return None


def _in_order(session: Session) -> Iterator[tuple[AuditEvent | None, int, str]]:
    """Every event with the head: in one statement, so that both are of one moment while others append."""
    statement = select(AuditEvent, AuditHead.number, AuditHead.hash).select_from(AuditHead)
    statement = statement.join(AuditEvent, true(), isouter=True).order_by(AuditEvent.number)
    yield from session.execute(statement).yield_per(1000)
