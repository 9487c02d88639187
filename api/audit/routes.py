"""`/v1/audit`: what happened, newest first."""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Select, or_, select

from api.deps import CallerDep, ReadSession
from api.paging import Page, PagingDep, page
from sdb_service.identity import Caller
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


def visible_events(caller: Caller) -> Select[AuditRow]:
    """The admin sees all; others what they did and what was done to what is theirs."""
    statement = select(AuditRow)
    if caller.is_admin:
        return statement
    return statement.where(or_(AuditRow.actor_id == caller.account_id, AuditRow.account_id == caller.account_id))


@router.get("/audit")
def list_audit(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[AuditEvent]:
    return page(session, visible_events(caller), by=AuditRow.number, paging=paging, shape=AuditEvent.of)
