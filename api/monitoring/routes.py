"""`/v1/boxes/{id}/alarms`: callers who seem to copy the box."""

from fastapi import APIRouter

from api.access import allow
from api.deps import CallerDep, ReadSession
from api.monitoring import queries, schemas
from api.paging import Page, PagingDep, page
from sdb_service.tables import Alarm

router = APIRouter(prefix="/v1/boxes", tags=["boxes"])


@router.get("/{box_id}/alarms", dependencies=allow("box.alarms"))
def list_alarms(box_id: str, caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Alarm]:
    """For the box's owner, newest first. An alarm is a reason to look, no proof; the answers stay as they are."""
    statement = queries.alarms_of_own_box(session, caller, box_id)
    return page(session, statement, by=Alarm.id, paging=paging, shape=schemas.Alarm.of)
