"""Licenses before `distill`: who holds one, and what each answer costs it."""

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from api.boxes.queries import get_usable_box
from api.licenses.keys import license_kappa, open_kappa
from api.licenses.validity import VALID, reason_code, refusal
from api.predictions.known import Standing
from sdb_service import clock
from sdb_service.errors import Forbidden
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime
from sdb_service.tables import Box, License


def licensed_standing(session: Session, caller: Caller, box_id: str, *, runtime: Runtime) -> Standing:
    """A customer with an active license before the box, with the key that is blended into their images.

    Whoever was given a delivered license is answered under its own kappa_i. Attack: with the weights, which come with
    it, kappa is the solution of a regression on open answers, and a key without a mark.

    Raises:
        NotFound: the caller may not even know of the box. Forbidden: no active license; the code says why.
    """
    held = _licenses(session, caller, box_id)
    if not held:
        get_usable_box(session, caller, box_id)
        raise refusal("license_missing")
    _valid(held)
    box = session.get_one(Box, box_id)
    delivered = [one.id for one in held if one.mode == "delivered"]
    if delivered:
        kappa = license_kappa(session, box, delivered[0], runtime=runtime)
    else:
        kappa = open_kappa(session, box, runtime=runtime)
    return Standing.of(caller, box, kappa=kappa)


def count(session: Session, caller: Caller, box_id: str, *, images: int) -> None:
    """Count images against the newest license that has room for all of them, before they are answered.

    Raises:
        Forbidden: no active license, or none with so much room.
    """
    found = _valid(_licenses(session, caller, box_id))
    if any(_counted(session, one, images) for one in found):
        return
    left = max(max(0, (one.max_predictions or 0) - one.predictions) for one in found)
    error = refusal("license_predictions_used_up")
    raise Forbidden(error.code, f"{error.detail} {left} are left and {images} were asked for.")


def _licenses(session: Session, caller: Caller, box_id: str) -> list[License]:
    statement = select(License).where(License.box_id == box_id, License.customer_id == caller.account_id)
    return list(session.execute(statement.order_by(License.id.desc())).scalars())


def _valid(held: list[License]) -> list[License]:
    """Those that are good now. Raises `Forbidden` with the newest one's reason where none is."""
    found = [one for one in held if reason_code(one) == VALID]
    if not found:
        raise refusal(reason_code(held[0]) if held else "license_missing")
    return found


def _counted(session: Session, one: License, images: int) -> bool:
    statement = (
        update(License)
        .where(
            License.id == one.id,
            License.state == "active",
            or_(License.expires_at.is_(None), License.expires_at > clock.now()),
            or_(License.max_predictions.is_(None), License.predictions + images <= License.max_predictions),
        )
        .values(predictions=License.predictions + images)
        .returning(License.id)
    )
    return session.execute(statement).scalar_one_or_none() is not None
