"""Licenses before `distill`: who holds one, and what each answer costs it."""

from sqlalchemy import bindparam, or_, select, update
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
    valid = _valid(held)
    box = session.get_one(Box, box_id)
    delivered = [one.id for one in held if one.mode == "delivered"]
    if delivered:
        kappa = license_kappa(session, box, delivered[0], runtime=runtime)
    else:
        kappa = open_kappa(session, box, runtime=runtime)
    return Standing.of(caller, box, kappa=kappa, licenses=tuple(valid))


def count(session: Session, standing: Standing, *, images: int) -> None:
    """Count images against the newest license that has room for all of them, before they are answered.

    Raises:
        Forbidden: no active license, or none with so much room.
    """
    if any(_is_counted(session, license_id, images) for license_id in standing.licenses):
        return
    assert standing.caller is not None
    found = _valid(_licenses(session, standing.caller, standing.box.id))
    if any(_is_counted(session, one.id, images) for one in found):
        return
    left = max(max(0, (one.max_predictions or 0) - one.predictions) for one in found)
    error = refusal("license_predictions_used_up")
    raise Forbidden(error.code, f"{error.detail} {left} are left and {images} were asked for.")


def _licenses(session: Session, caller: Caller, box_id: str) -> list[License]:
    if caller.role != "customer":  # any more
        return []
    statement = select(License).where(License.box_id == box_id, License.customer_id == caller.account_id)
    return list(session.execute(statement.order_by(License.id.desc())).scalars())


def _valid(held: list[License]) -> list[License]:
    """Those that are good now. Raises `Forbidden` with the newest one's reason where none is."""
    found = [one for one in held if reason_code(one) == VALID]
    if not found:
        raise refusal(reason_code(held[0]) if held else "license_missing")
    return found


def _is_counted(session: Session, license_id: str, images: int) -> bool:
    given = {"license": license_id, "images": images, "now": clock.now()}
    return session.connection().execute(_COUNT, given).first() is not None


_ROWS = License.__table__.c
_COUNT = (
    update(License.__table__)  # type: ignore[arg-type]
    .where(
        _ROWS.id == bindparam("license"),
        _ROWS.state == "active",
        or_(_ROWS.expires_at.is_(None), _ROWS.expires_at > bindparam("now", type_=_ROWS.expires_at.type)),
        or_(_ROWS.max_predictions.is_(None), _ROWS.predictions + bindparam("images") <= _ROWS.max_predictions),
    )
    .values(predictions=_ROWS.predictions + bindparam("images"))
    .returning(_ROWS.id)
)  # one statement, so that of two requests for the last images exactly one gets them
