"""Rotating the key-encryption key: every sealed value gets a new head, in batches, while the service goes on.

A value says in its head which key it is under, so old and new are read side by side and nothing else records how far
a rotation is: one that was killed at any point is run again and goes on with what is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sdb_service.db import Database
from sdb_service.errors import Conflict
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.sealing import RotatingKeys, head_of, key_context, rewrap
from sdb_service.sealing.contexts import totp_context, webhook_context
from sdb_service.secret import Secret
from sdb_service.tables import SealedKey, User, Webhook

BATCH = 200

_HEAD = 512  # bytes from the start that are surely another after a new wrap


@dataclass(frozen=True)
class SealedColumn:
    """A place where sealed values lie: primary key and column, and what a row's value is bound to."""

    name: str
    key: InstrumentedAttribute[str]
    value: InstrumentedAttribute[Any]  # bytes, or nothing
    context: Callable[[Any], str]


def _of_key(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)


def _of_seed(row: User) -> str:
    return totp_context(account_id=row.account_id, user_id=row.id)


def _of_webhook(row: Webhook) -> str:
    return webhook_context(account_id=row.account_id, webhook_id=row.id)


# What is sealed under the key-encryption key. Kappa in flight is not: it is under the workers' key, and short-lived.
COLUMNS = (
    SealedColumn("sealed_keys", SealedKey.id, SealedKey.sealed, _of_key),
    SealedColumn("users", User.id, User.totp_sealed, _of_seed),
    SealedColumn("webhooks", Webhook.id, Webhook.sealed, _of_webhook),
)


@dataclass(frozen=True)
class Rotated:
    """What a rotation did: the key all values are under, how many it took over, and the local keys that may go."""

    kek_id: str
    rewrapped: int
    total: int
    unneeded: list[str]


def rotate(runtime: Runtime, *, progress: Callable[[int, int], None], batch: int = BATCH) -> Rotated:
    """Wrap every sealed value under the current key, a new one where keys are files; `progress(done, total)`.

    Raises:
        SealBroken: a value does not open; what was taken over stays so.
        KeyServiceUnavailable: run it again later.
    """
    target = begin(runtime.keys)
    _record(runtime, "kek.rotation_begin", target)
    total = sum(_count(runtime.database, column) for column in COLUMNS)
    left = sum(_count(runtime.database, column, not_under=target) for column in COLUMNS)
    rewrapped = 0
    progress(total - left, total)
    while any(_count(runtime.database, column, not_under=target) for column in COLUMNS):  # also what came meanwhile
        for column in COLUMNS:
            for done in _take_over(runtime, column, target=target, batch=batch):
                rewrapped += done
                progress(min(total, total - left + rewrapped), total)
    local = runtime.keys.local
    unneeded = local.end_rotation() if local is not None else []
    _record(runtime, "kek.rotation_end", target, values=rewrapped)
    return Rotated(target, rewrapped, total, unneeded)


def begin(keys: RotatingKeys) -> str:
    """The id of the key to rotate to: a new one, or that of the rotation which is under way or which settings name."""
    if keys.local is not None:
        return keys.local.begin_rotation()
    return keys.wrap(Secret(bytes(32)), "rotation").kek_id


def forget_old_keys(runtime: Runtime) -> str:
    """Drop from the file all local keys but the current one; its id.

    Raises:
        Conflict: a value is still under another key, or the current key is in no file.
    """
    local = runtime.keys.local
    if local is None:
        raise Conflict("kek_elsewhere", "The key-encryption key is in no file; put old ones away at the key service.")
    target = local.wrap(Secret(bytes(32)), "rotation").kek_id
    left = sum(_count(runtime.database, column, not_under=target) for column in COLUMNS)
    if left:
        raise Conflict("kek_in_use", f"{left} values are still under older keys; run: sdb admin rotate-kek")
    local.forget_old_keys()
    _record(runtime, "kek.forget_old", target)
    return target


def _record(runtime: Runtime, action: str, kek_id: str, **detail: int) -> None:
    with runtime.database.transaction() as session:
        record_act(session, None, action, kek_id[-40:], owner="", detail={"kek_id": kek_id, **detail})


def _take_over(runtime: Runtime, column: SealedColumn, *, target: str, batch: int) -> Iterator[int]:
    """One pass over the rows by primary key. Nothing is locked while the key service is asked."""
    after = ""
    while True:
        with runtime.database.reading() as session:
            entity = column.key.class_
            statement = _not_under(select(entity), column, target).where(column.key > after)
            rows = session.execute(statement.order_by(column.key).limit(batch)).scalars().all()
        if not rows:
            return
        renewed = [_renewed(runtime, column, row) for row in rows]
        with runtime.database.transaction() as session:
            _replace(session, column, renewed)
        after = renewed[-1][0]
        yield len(renewed)


def _renewed(runtime: Runtime, column: SealedColumn, row: Any) -> tuple[str, bytes, bytes]:
    old: bytes = getattr(row, column.value.key)
    return getattr(row, column.key.key), old, rewrap(old, context=column.context(row), keys=runtime.keys)


def _replace(session: Session, column: SealedColumn, renewed: list[tuple[str, bytes, bytes]]) -> None:
    """Write the new values, and leave one alone that was sealed anew meanwhile."""
    table = cast(Table, column.key.class_.__table__)
    statement = (
        update(table)
        .where(table.c[column.key.key] == bindparam("row"), func.substr(column.value, 1, _HEAD) == bindparam("old"))
        .values({column.value.key: bindparam("new")})
    )
    rows = [{"row": key, "old": old[:_HEAD], "new": new} for key, old, new in renewed]
    session.connection().execute(statement, rows)


def _count(database: Database, column: SealedColumn, *, not_under: str | None = None) -> int:
    statement = select(func.count()).select_from(column.key.class_).where(column.value.is_not(None))
    if not_under is not None:
        statement = _not_under(statement, column, not_under)
    with database.reading() as session:
        return session.execute(statement).scalar_one()


def _not_under(statement: Select[Any], column: SealedColumn, kek_id: str) -> Select[Any]:
    head = head_of(kek_id)
    return statement.where(func.substr(column.value, 1, len(head)) != head)
