"""Recording what a caller did, with where from and in which request."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from sdb_service import audit
from sdb_service.identity import Caller
from sdb_service.logs import request_id
from sdb_service.telling import tell_webhooks


def record_act(
    session: Session,
    caller: Caller | None,
    action: str,
    object_id: str,
    *,
    owner: str,
    detail: dict[str, Any] | None = None,
    audience: Sequence[str] = (),
) -> None:
    """Append `action`, such as `box.publish`, to the audit log in the caller's transaction.

    `audience` are accounts besides the owner that are told of it, such as the customer of a license.
    """
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
    )
    tell_webhooks(session, action, object_id, accounts=(owner, *audience), detail=detail)
