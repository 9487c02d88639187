"""Deciding about boxes."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.boxes import queries, schemas
from api.boxes.rekeying import require_current
from sdb_service import clock
from sdb_service.identity import Caller
from sdb_service.licensing import VALID, reason_code, refusal
from sdb_service.lifecycle.licenses import end_of_first_use, first_use, is_in
from sdb_service.recording import record_act
from sdb_service.tables import Box, License


def publish(session: Session, caller: Caller, box_id: str, wanted: schemas.Publication) -> Box:
    """Open the box's predictions to the public, in the outputs its owner chooses."""
    box = queries.get_own_box(session, caller, box_id)
    box.outputs, box.top_k, box.images_per_minute = list(wanted.outputs), wanted.top_k, wanted.images_per_minute
    box.published_at = box.published_at or clock.now()
    detail = {"outputs": box.outputs, "top_k": box.top_k, "images_per_minute": box.images_per_minute}
    session.flush()
    require_current(session, box.id)
    record_act(session, caller, "box.publish", box.id, owner=box.account_id, detail=detail)
    return box


def unpublish(session: Session, caller: Caller, box_id: str) -> Box:
    """Close the public endpoint; the owner and licensed customers keep theirs."""
    box = queries.get_own_box(session, caller, box_id)
    if box.published_at is not None:
        box.published_at = None
        record_act(session, caller, "box.unpublish", box.id, owner=box.account_id)
    return box


def give_weights(session: Session, caller: Caller, box_id: str, *, form: str) -> Box:
    """Let the owner, and a customer whose license gives them, have the weights; recorded in the audit log.

    Attack: with the weights and some hundred open answers, kappa is the solution of a regression. So no hosted license
    gives them.

    Raises:
        NotFound: neither the caller's own nor licensed to them. Forbidden: no license of theirs gives the weights.
    """
    box = queries.get_box_of_party(session, caller, box_id)
    detail = {"format": form}
    if not queries.is_owner(caller, box):
        detail["license_id"] = _use_license(session, caller, box)
    record_act(session, caller, "box.download", box.id, owner=box.account_id, detail=detail)
    return box


def _use_license(session: Session, caller: Caller, box: Box) -> str:
    """The newest of the caller's licenses that gives the weights, whose first use this may be. Raises `Forbidden`."""
    held = list(session.execute(queries.held_licenses(caller, box.id)).scalars())
    for one in held:
        if reason_code(one, "box:download") == VALID and _is_begun(session, caller, one):
            return one.id
    reasons = [reason_code(one, "box:download") for one in held if reason_code(one) == VALID]
    raise refusal(next((reason for reason in reasons if reason != VALID), "license_missing"))


def _is_begun(session: Session, caller: Caller, held: License) -> bool:
    now = clock.now()
    statement = (
        update(License)
        .where(License.id == held.id, License.customer_id == caller.account_id, is_in("active", now))
        .values(**first_use(now, end_of_first_use(now, held.valid_for_days)))
        .returning(License.id)
        .execution_options(synchronize_session=False)
    )
    begun = session.execute(statement).scalar_one_or_none() is not None
    session.refresh(held)
    return begun
