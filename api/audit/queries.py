"""Finding events: what a caller may see of the log, narrowed to what they ask for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, BeforeValidator
from sqlalchemy import Select, or_, select

from sdb_service.db import Database
from sdb_service.errors import Invalid
from sdb_service.identity import Caller
from sdb_service.tables import AuditEvent

_AT_ONCE = 1000

_EMPTY = BeforeValidator(lambda value: value or None)  # a form sends its empty fields too
Name = Annotated[str | None, Query(max_length=64)]


class Filters(BaseModel):
    """Which events are asked for; None asks for all."""

    action: str | None
    object_id: str | None
    actor: str | None
    outcome: str | None
    since: datetime | None
    until: datetime | None

    @property
    def given(self) -> dict[str, str]:
        """As the address of a page carries them."""
        named = {"since": "from", "until": "to"}
        found = self.model_dump(mode="json", exclude_none=True)
        return {named.get(name, name): str(value) for name, value in found.items()}


def get_filters(
    action: Annotated[
        str | None, Query(max_length=64, description="Such as `license.revoke`; `license.` means all of that kind.")
    ] = None,
    object_id: Name = None,
    actor: Annotated[str | None, Query(max_length=64, description="Id of the account that acted.")] = None,
    outcome: Annotated[Literal["done", "refused"] | None, _EMPTY] = None,
    since: Annotated[datetime | None, _EMPTY, Query(alias="from", description="From this moment on; UTC.")] = None,
    until: Annotated[datetime | None, _EMPTY, Query(alias="to", description="Before this moment; UTC.")] = None,
) -> Filters:
    """What the address asks for. Raises `Invalid` for a moment that no calendar has."""
    return Filters(
        action=action or None,
        object_id=object_id or None,
        actor=actor or None,
        outcome=outcome,
        since=_in_utc(since),
        until=_in_utc(until),
    )


FiltersDep = Annotated[Filters, Depends(get_filters)]


def visible_events(caller: Caller, filters: Filters | None = None) -> Select[AuditEvent]:
    """The admin sees all; others what they did and what was done to what is theirs."""
    statement = select(AuditEvent)
    if not caller.is_admin:
        own = or_(AuditEvent.actor_id == caller.account_id, AuditEvent.account_id == caller.account_id)
        statement = statement.where(own)
    return _narrowed(statement, filters) if filters else statement


def every_event(database: Database, caller: Caller, filters: Filters) -> Iterator[AuditEvent]:
    """All that the caller may see, newest first, read in pieces, so that no transaction lasts as long as a download."""
    before: int | None = None
    while True:
        statement = visible_events(caller, filters)
        if before is not None:
            statement = statement.where(AuditEvent.number < before)
        with database.reading() as session:
            rows = session.execute(statement.order_by(AuditEvent.number.desc()).limit(_AT_ONCE)).scalars().all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        before = rows[-1].number


def _narrowed(statement: Select[AuditEvent], filters: Filters) -> Select[AuditEvent]:
    if filters.action is not None and filters.action.endswith("."):
        statement = statement.where(AuditEvent.action.startswith(filters.action, autoescape=True))
    elif filters.action is not None:
        statement = statement.where(AuditEvent.action == filters.action)
    for column, wanted in (
        (AuditEvent.object_id, filters.object_id),
        (AuditEvent.actor_id, filters.actor),
        (AuditEvent.outcome, filters.outcome),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if filters.since is not None:
        statement = statement.where(AuditEvent.at >= filters.since)
    if filters.until is not None:
        statement = statement.where(AuditEvent.at < filters.until)
    return statement


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise Invalid("moment_invalid", "'from' or 'to' lies beyond the calendar; give a nearer moment.") from error
