"""Recording what a caller did or was refused, with where from and in which request."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from sdb_service import audit
from sdb_service.db import Database, keep_revoked
from sdb_service.identity import Caller
from sdb_service.logs import request_id
from sdb_service.restoring.kinds import BY_ACTION
from sdb_service.telling import tell_webhooks


def record_act(
    session: Session,
    caller: Caller | None,
    action: str,
    object_id: str,
    *,
    owner: str | None,
    detail: dict[str, Any] | None = None,
    audience: Sequence[str] = (),
    outcome: audit.Outcome = "done",
) -> None:
    """Append `action`, such as `box.publish`, to the audit log in the caller's transaction.

    What is taken away for good (see `restoring.kinds`) also leaves its tombstone in storage before the commit.
    `audience` are accounts besides the owner that are told of it, such as the customer of a license.
    """
    if outcome == "done" and action in BY_ACTION:
        keep_revoked(session, BY_ACTION[action].name, object_id)
    audit.record(
        session,
        action,
        actor_id=caller.account_id if caller else None,
        account_id=owner,
        object_type=action.partition(".")[0],
        object_id=object_id,
        detail=detail,
        address=caller.address if caller else None,
        request_id=request_id.get(),
        user_id=caller.user_id if caller else None,
        outcome=outcome,
    )
    if outcome == "done":
        tell_webhooks(session, action, object_id, accounts=(owner, *audience), detail=detail)


def record_refusal(
    database: Database,
    caller: Caller | None,
    action: str,
    object_id: str,
    *,
    owner: str | None,
    code: str,
    address: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record in a transaction of its own that `action` was refused, and why: the act's own has been rolled back.

    Call it outside of every transaction, or leave it with `after_rollback`. At most `refusals.A_MINUTE` rows a minute
    are written for one caller (or, without one, `address`) and `code`; one more says that others are only counted,
    and the first of a later minute how many they were.
    """
    where = caller.address if caller else address
    noted = database.refusals.note(caller.account_id if caller else str(where), code)
    if noted is None:
        return
    with database.transaction() as session:
        audit.record(
            session,
            action,
            actor_id=caller.account_id if caller else None,
            account_id=owner,
            object_type=action.partition(".")[0],
            object_id=object_id,
            detail={"code": code} | (detail or {}) | noted,
            address=where,
            request_id=request_id.get(),
            user_id=caller.user_id if caller else None,
            outcome="refused",
        )
