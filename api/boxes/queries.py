"""Finding boxes."""

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service import clock
from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.lifecycle.licenses import is_in
from sdb_service.tables import Box, License


def own_boxes(caller: Caller) -> Select[Box]:
    return owned(select(Box), Box, caller)


def get_own_box(session: Session, caller: Caller, box_id: str) -> Box:
    """The caller's own box. Raises `NotFound`."""
    found = session.execute(own_boxes(caller).where(Box.id == box_id)).scalar_one_or_none()
    if found is None:
        raise not_found("box", box_id)
    return found


def is_owner(caller: Caller | None, box: Box) -> bool:
    """Whether the caller may do with the box what its owner may; the admin may with all."""
    if caller is None:
        return False
    return caller.is_admin or (caller.role == "provider" and caller.account_id == box.account_id)


def is_licensed(session: Session, caller: Caller, box_id: str) -> bool:
    """Whether the caller holds a license for the box that is active now."""
    statement = held_licenses(caller, box_id).where(is_in("active", clock.now()))
    return session.execute(statement.with_only_columns(License.id).limit(1)).first() is not None


def held_licenses(caller: Caller, box_id: str) -> Select[License]:
    """A customer's licenses for a box, in whatever state, newest first; who is no customer any more has none."""
    statement = select(License).where(License.box_id == box_id, License.customer_id == caller.account_id)
    return statement.where(literal(caller.role == "customer")).order_by(License.id.desc())


def get_usable_box(session: Session, caller: Caller | None, box_id: str) -> Box:
    """A box that the caller may ask for predictions: published, their own, or licensed. Raises `NotFound`."""
    box = session.get(Box, box_id)
    if box is None:
        raise not_found("box", box_id)
    if box.published_at is None and not _is_party(session, caller, box):
        raise not_found("box", box_id)
    return box


def get_box_of_party(session: Session, caller: Caller, box_id: str) -> Box:
    """A box that is the caller's own or licensed to them. Raises `NotFound`."""
    box = session.get(Box, box_id)
    if box is None or not _is_party(session, caller, box):
        raise not_found("box", box_id)
    return box


def _is_party(session: Session, caller: Caller | None, box: Box) -> bool:
    if caller is None:
        return False
    return is_owner(caller, box) or is_licensed(session, caller, box.id)
