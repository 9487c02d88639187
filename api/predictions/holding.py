"""Licenses before `distill`: who holds one, and what each answer costs it."""

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from api.boxes.queries import get_usable_box, held_licenses
from api.licenses.keys import license_kappa, open_kappa
from api.predictions.known import HeldLicense, Standing
from sdb_service import clock
from sdb_service.errors import Forbidden
from sdb_service.identity import Caller
from sdb_service.licensing import VALID, reason_code, refusal
from sdb_service.lifecycle.licenses import end_of_first_use, first_use, is_in
from sdb_service.runtime import Runtime
from sdb_service.tables import Box, License, PastHolder


def licensed_standing(session: Session, caller: Caller, box_id: str, *, runtime: Runtime) -> Standing:
    """A customer with an active license before the box, with the key that is blended into their images.

    Whoever holds or held a delivered license is answered under its own kappa_i. Attack: with the weights, which come
    with it, kappa is the solution of a regression on open answers, and a key without a mark.

    Raises:
        NotFound: the caller may not even know of the box. Forbidden: no active license; the code says why.
    """
    held = list(session.execute(held_licenses(caller, box_id)).scalars())
    if not held:
        get_usable_box(session, caller, box_id)
        raise refusal("license_missing")
    valid = _valid(held)
    box = session.get_one(Box, box_id)
    mark = _mark(session, caller, box_id, held)
    if mark is None:
        kappa = open_kappa(session, box, runtime=runtime)
    else:
        kappa = license_kappa(session, box, mark, runtime=runtime)
    return Standing.of(caller, box, kappa=kappa, licenses=tuple(valid))


def count(session: Session, standing: Standing, *, images: int) -> None:
    """Count images against the newest license that has room for all of them, before they are answered.

    Raises:
        Forbidden: no active license, or none with so much room.
    """
    caller = standing.caller
    assert caller is not None
    if any(_is_counted(session, caller, one, images) for one in standing.licenses):
        return
    found = _valid(list(session.execute(held_licenses(caller, standing.box.id)).scalars()))
    if any(_is_counted(session, caller, HeldLicense(one.id, one.valid_for_days), images) for one in found):
        return
    left = max(max(0, (one.max_predictions or 0) - one.predictions) for one in found)
    error = refusal("license_predictions_used_up")
    raise Forbidden(error.code, f"{error.detail} {left} are left and {images} were asked for.")


def _valid(held: list[License]) -> list[License]:
    """Those that are good for open answers now. Raises `Forbidden` with the newest one's reason where none is."""
    found = [one for one in held if reason_code(one, "distill") == VALID]
    if not found:
        raise refusal(reason_code(held[0], "distill") if held else "license_missing")
    return found


def _mark(session: Session, caller: Caller, box_id: str, held: list[License]) -> str | None:
    """The mark of what the caller was last given of the box's keys, if of any."""
    delivered = [one.mark for one in held if one.mode == "delivered"]
    if delivered:
        return delivered[0]
    lost = (
        select(PastHolder)
        .join(License, License.id == PastHolder.license_id)
        .where(PastHolder.customer_id == caller.account_id, License.box_id == box_id, License.mode == "delivered")
        .order_by(PastHolder.until.desc())
    )
    found = session.execute(lost.limit(1)).scalar_one_or_none()
    return found.mark if found else None


def _is_counted(session: Session, caller: Caller, held: HeldLicense, images: int) -> bool:
    now = clock.now()
    given = {
        "license": held.id,
        "customer": caller.account_id,
        "images": images,
        "now": now,
        "end": end_of_first_use(now, held.valid_for_days),
    }
    return session.connection().execute(_COUNT, given).first() is not None


_ROWS = License.__table__.c
_NOW = bindparam("now", type_=_ROWS.expires_at.type)
_END = bindparam("end", type_=_ROWS.expires_at.type)
_COUNT = (
    update(License.__table__)  # type: ignore[arg-type]
    .where(
        _ROWS.id == bindparam("license"),
        _ROWS.customer_id == bindparam("customer"),
        is_in("active", _NOW, _ROWS),
        or_(_ROWS.max_predictions.is_(None), _ROWS.predictions + bindparam("images") <= _ROWS.max_predictions),
    )
    .values(predictions=_ROWS.predictions + bindparam("images"), **first_use(_NOW, _END, _ROWS))
    .returning(_ROWS.id)
)  # one statement, so that of two requests for the last images exactly one gets them, and a former holder none
