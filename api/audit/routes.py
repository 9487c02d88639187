"""`/v1/audit`: what happened, newest first."""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel

from api.access import allow
from api.audit.export import csv_answer
from api.audit.queries import FiltersDep, visible_events
from api.deps import CallerDep, ReadSession, RuntimeDep
from api.paging import Page, PagingDep, page
from sdb_service.tables import AuditEvent as AuditRow

router = APIRouter(prefix="/v1", tags=["audit"])


class AuditEvent(BaseModel):
    """One act; `hash` covers it and `previous_hash`."""

    id: str
    number: int
    at: datetime
    action: str
    actor_id: str | None
    user_id: str | None
    object_type: str
    object_id: str
    outcome: str
    detail: dict[str, Any]
    address: str | None
    request_id: str | None
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        return cls.model_validate(row, from_attributes=True)


@router.get("/audit", dependencies=allow("audit.list"))
def list_audit(caller: CallerDep, session: ReadSession, paging: PagingDep, filters: FiltersDep) -> Page[AuditEvent]:
    """What you did and what was done to what is yours, newest first; for an admin, everything."""
    return page(session, visible_events(caller, filters), by=AuditRow.number, paging=paging, shape=AuditEvent.of)


@router.get(
    "/audit.csv",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/csv": {}}}},
    dependencies=allow("audit.list"),
)
def export_audit(caller: CallerDep, runtime: RuntimeDep, filters: FiltersDep) -> StreamingResponse:
    """The same as a table for spreadsheets; a cell that would be a formula begins with an apostrophe."""
    return csv_answer(runtime.database, caller, filters)
