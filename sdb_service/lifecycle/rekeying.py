"""Re-keying: a box under a new key takes the place of an old one, in the transaction in which it appears.

This is the answer to a key that must no longer be of use. It cannot call back the old key, nor what was learned with
it; it ends the old box in the service, and whoever is licensed still gets the new one.
"""

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.ids import new_id
from sdb_service.recording import record_act
from sdb_service.tables import Box, License

REASON = "license_replaced"

# All other columns are terms: also those that are added later go over to the successor. `predictions` are among
# them, for they were paid for; `downloads` are not, for the new key must be fetched.
_NOT_TERMS = {"id", "box_id", "created_at", "downloads", "revoked_at", "transfers"}
_NOT_TERMS |= {"replaces_license_id", "replaced_by"}


def take_over(session: Session, box: Box, replaced_id: str) -> None:
    """Let `box` do what the replaced one did: its publication and its licenses. Nothing, where another was quicker."""
    # The lock makes licenses that are just being granted wait, or be seen here: their foreign key shares it.
    old = session.get_one(Box, replaced_id, with_for_update=True, populate_existing=True)
    if old.replaced_by is not None:
        return
    was_published = old.published_at is not None
    box.outputs, box.top_k, box.images_per_minute = list(old.outputs), old.top_k, old.images_per_minute
    box.published_at = clock.now() if was_published else None
    box.replaces_box_id = old.id
    old.published_at, old.replaced_by = None, box.id
    session.flush()
    customers = _move_licenses(session, old, box)
    detail = {"replaced_by": box.id, "job_id": box.job_id, "published": was_published, "licenses": len(customers)}
    audience = sorted(set(customers))
    record_act(session, None, "box.rekey", old.id, owner=old.account_id, detail=detail, audience=audience)


def _move_licenses(session: Session, old: Box, box: Box) -> list[str]:
    """Give each license that was not revoked a successor; the customers, once for each license."""
    statement = select(License).where(License.box_id == old.id, License.state != "revoked")
    live = session.execute(statement.order_by(License.id).with_for_update()).scalars().all()
    for held in live:
        successor = License(id=new_id("lic"), box_id=box.id, created_at=clock.now(), **_terms(held))
        successor.replaces_license_id = held.id
        held.state, held.revoked_at, held.replaced_by = "revoked", clock.now(), successor.id
        session.add(successor)
        session.flush()
        _tell(session, held, successor)
    return [held.customer_id for held in live]


def _tell(session: Session, held: License, successor: License) -> None:
    given = {
        "box_id": successor.box_id,
        "customer_id": successor.customer_id,
        "mode": successor.mode,
        "replaces_license_id": held.id,
    }
    ended = {"box_id": held.box_id, "reason": REASON, "replaced_by": successor.id}
    owner, audience = held.account_id, (held.customer_id,)
    record_act(session, None, "license.revoke", held.id, owner=owner, detail=ended, audience=audience)
    record_act(session, None, "license.grant", successor.id, owner=owner, detail=given, audience=audience)


def _terms(held: License) -> dict[str, Any]:
    columns = (column.key for column in inspect(License).column_attrs)
    return {name: getattr(held, name) for name in columns if name not in _NOT_TERMS}
