"""Finding boxes."""

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service import clock
from sdb_service.errors import Forbidden, not_found
from sdb_service.identity import Caller
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


def is_licensed(
    session: Session, caller: Caller, box_id: str, *, modes: tuple[str, ...] = ("delivered", "hosted")
) -> bool:
    """Whether the caller, a customer, holds a license for the box, of one of these modes, that is active now."""
    if caller.role != "customer":
        return False
    statement = select(License.id).where(
        License.box_id == box_id,
        License.customer_id == caller.account_id,
        License.mode.in_(modes),
        License.state == "active",
        or_(License.expires_at.is_(None), License.expires_at > clock.now()),
    )
    return session.execute(statement.limit(1)).first() is not None


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


def require_weights(session: Session, caller: Caller, box: Box) -> None:
    """Let the owner and holders of delivered licenses have the weights.

    Attack: with the weights and some hundred open answers, kappa is the solution of a regression.

    Raises:
        Forbidden: the caller holds hosted licenses alone.
    """
    if is_owner(caller, box):
        return
    if not is_licensed(session, caller, box.id, modes=("delivered",)):
        raise Forbidden(
            "license_hosted",
            "A hosted license gives no weights: whoever has them can compute the key. Ask for a delivered license.",
        )


def _is_party(session: Session, caller: Caller | None, box: Box) -> bool:
    if caller is None:
        return False
    return is_owner(caller, box) or is_licensed(session, caller, box.id)
