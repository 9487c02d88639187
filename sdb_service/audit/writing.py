"""Appending to the audit log, in the transaction of the act itself."""

from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.audit.chain import KEYED, digest, proof_of
from sdb_service.db import audit_key
from sdb_service.ids import new_id
from sdb_service.tables.audit import AuditEvent, AuditHead

Outcome = Literal["done", "refused"]


def record(  # noqa: PLR0913 - a row has as many columns
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
    user_id: str | None = None,
    outcome: Outcome = "done",
) -> AuditEvent:
    """Append one event in the caller's transaction: it is written exactly when the act itself is.

    `actor_id` did it (in that account the person `user_id`), `account_id` owns the object and may read the row.
    """
    event = AuditEvent(
        id=new_id("evt"),
        at=clock.now(),
        action=action,
        actor_id=actor_id,
        user_id=user_id,
        account_id=account_id,
        object_type=object_type,
        object_id=object_id,
        detail=detail or {},
        address=address,
        request_id=request_id,
        outcome=outcome,
    )
    _chain(session, event)
    session.add(event)
    session.flush()
    return event


def _chain(session: Session, event: AuditEvent) -> None:
    """Make `event` the row after the last. The head is not believed here: a wrong one shows in the row made from it."""
    key = audit_key(session)
    head = session.execute(select(AuditHead).where(AuditHead.id == 1).with_for_update()).scalar_one()
    event.number, event.version, event.previous_hash = head.number + 1, KEYED, head.hash
    event.hash = digest(event, key=key, proof=head.proof or "")
    if head.keyed_from is None:
        head.keyed_from = event.number
    head.number, head.hash = event.number, event.hash
    head.proof = proof_of(head.number, head.hash, head.keyed_from, key=key)
