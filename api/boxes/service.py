"""Deciding about boxes."""

from sqlalchemy.orm import Session

from api.boxes import queries, schemas
from api.boxes.rekeying import require_current
from sdb_service import clock
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.tables import Box


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
