"""Open answers under a license: the server blends the key in, and the key never leaves."""

import numpy as np
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from api.boxes.decoding import Batch, decode
from api.boxes.queries import get_usable_box
from api.boxes.sessions import Logits, Sessions
from api.licenses.keys import license_kappa, open_kappa
from api.licenses.validity import VALID, reason_code, refusal
from sdb_service import clock
from sdb_service.errors import Forbidden
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime
from sdb_service.tables import Box, License


def require_license(runtime: Runtime, caller: Caller, box_id: str) -> Box:
    """The box, for a customer with an active license; asked before the body is read.

    Raises:
        NotFound: the caller may not even know of the box. Forbidden: no active license; the code says why.
    """
    with runtime.database.reading() as session:
        held = _licenses(session, caller, box_id)
        if not held:
            get_usable_box(session, caller, box_id)
            raise refusal("license_missing")
        _valid(held)
        return session.get_one(Box, box_id)


def open_logits(
    runtime: Runtime, sessions: Sessions, caller: Caller, box: Box, body: bytes, content_type: str, *, resize: bool
) -> Logits:
    """The open stream's logits [N, K] for the images of a body: T*(lambda x + (1 - lambda) kappa), Eq. 5.

    The images are counted against the license first: an answer is never given uncounted. Whoever was given a delivered
    license is answered under its own kappa_i. Attack: with the weights, which come with it, kappa is the solution of a
    regression on open answers, and a key without a mark.
    """
    batch = decode(body, content_type, box.input, max_images=runtime.settings.max_predict_images, resize=resize)
    with runtime.database.transaction() as session:
        held = _count(session, caller, box.id, images=len(batch))
        delivered = [one.id for one in held if one.mode == "delivered"]
        if delivered:
            kappa = license_kappa(session, box, delivered[0], runtime=runtime)
        else:
            kappa = open_kappa(session, box, runtime=runtime)
    return sessions.logits(box, blend(batch, kappa, lam=box.lam))


def blend(batch: Batch, kappa: Batch, *, lam: float) -> Batch:
    """x~ = lambda x + (1 - lambda) kappa (Eq. 5) for x [N, C, H, W] and kappa [C, H, W], in float32."""
    share = np.float32(lam)
    return np.ascontiguousarray(share * batch + (np.float32(1) - share) * kappa)


def _licenses(session: Session, caller: Caller, box_id: str) -> list[License]:
    statement = select(License).where(License.box_id == box_id, License.customer_id == caller.account_id)
    return list(session.execute(statement.order_by(License.id.desc())).scalars())


def _valid(held: list[License]) -> list[License]:
    """Those that are good now. Raises `Forbidden` with the newest one's reason where none is."""
    found = [one for one in held if reason_code(one) == VALID]
    if not found:
        raise refusal(reason_code(held[0]))
    return found


def _count(session: Session, caller: Caller, box_id: str, *, images: int) -> list[License]:
    """Count against the newest license that has room for all the images; answers all the customer ever held."""
    held = _licenses(session, caller, box_id)
    found = _valid(held)
    for one in found:
        if _counted(session, one, images):
            return held
    left = max(max(0, (one.max_predictions or 0) - one.predictions) for one in found)
    error = refusal("license_predictions_used_up")
    raise Forbidden(error.code, f"{error.detail} {left} are left and {images} were asked for.")


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
