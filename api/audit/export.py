"""The audit log as a table for spreadsheets, row by row."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from fastapi.responses import StreamingResponse

from api.audit.queries import Filters, every_event
from sdb_service.db import Database
from sdb_service.identity import Caller
from sdb_service.tables import AuditEvent

COLUMNS = (
    "number",
    "at",
    "action",
    "outcome",
    "actor_id",
    "user_id",
    "account_id",
    "object_type",
    "object_id",
    "address",
    "request_id",
    "detail",
    "previous_hash",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BREAKS = ("\t", "\r", "\n")
_LINES = 200


def csv_answer(database: Database, caller: Caller, filters: Filters) -> StreamingResponse:
    """Everything the caller may see, newest first, as a download."""
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    lines = csv_lines(every_event(database, caller, filters))
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """The file in pieces of some hundred lines."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for count, event in enumerate(events, start=1):
        writer.writerow([_cell(event, name) for name in COLUMNS])
        if count % _LINES == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(event: AuditEvent, name: str) -> str:
    value = getattr(event, name)
    if value is None:
        return ""
    if name == "at":
        return str(value.isoformat())
    if name == "detail":
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _harmless(str(value))


def _harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): an apostrophe stands before it."""
    risky = value.lstrip().startswith(_FORMULA) or value.startswith(_BREAKS)
    return f"'{value}" if risky else value
