"""Finding alarms."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from api.boxes.queries import get_own_box
from sdb_service.identity import Caller
from sdb_service.tables import Alarm


def alarms_of_own_box(session: Session, caller: Caller, box_id: str) -> Select[Alarm]:
    """The alarms of a box that is the caller's own. Raises `NotFound`."""
    return select(Alarm).where(Alarm.box_id == get_own_box(session, caller, box_id).id)
