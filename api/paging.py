"""Cursor pages: newest first, `?limit=&cursor=` in, `{"data", "next_cursor"}` out."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from sdb_service.errors import Malformed

Row = TypeVar("Row")
Shape = TypeVar("Shape", bound=BaseModel)

_KEY = re.compile(r"[a-z0-9_]{1,40}")
_MOST = 2**63 - 1


class Page(BaseModel, Generic[Shape]):
    """One page of a list; `next_cursor` is null on the last."""

    data: list[Shape]
    next_cursor: str | None


class Paging(BaseModel):
    limit: int
    after: str | None


def get_paging(
    limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> Paging:
    return Paging(limit=limit, after=_decoded(cursor) if cursor else None)


PagingDep = Annotated[Paging, Depends(get_paging)]


def page(
    session: Session,
    statement: Select[Row],
    *,
    by: InstrumentedAttribute[Any],
    paging: Paging,
    shape: Callable[[Row], Shape],
) -> Page[Shape]:
    """One page of `statement`, newest first by the column `by`, an id or a running number."""
    if paging.after:
        statement = statement.where(by < _as_key(by, paging.after))
    rows = list(session.execute(statement.order_by(by.desc()).limit(paging.limit + 1)).scalars())
    more = len(rows) > paging.limit
    rows = rows[: paging.limit]
    last = str(getattr(rows[-1], by.key)) if more else None
    return Page(data=[shape(row) for row in rows], next_cursor=_encoded(last) if last else None)


def _as_key(by: InstrumentedAttribute[Any], text: str) -> Any:
    try:
        key = by.type.python_type(text)
    except ValueError as error:
        raise _bad_cursor() from error
    if isinstance(key, int) and key > _MOST:
        raise _bad_cursor()
    return key


def _bad_cursor() -> Malformed:
    return Malformed("cursor_invalid", "The cursor is not one of ours; take it from next_cursor unchanged.")


def _encoded(row_id: str) -> str:
    return base64.urlsafe_b64encode(row_id.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _bad_cursor() from error
    if not _KEY.fullmatch(text):
        raise _bad_cursor()
    return text
