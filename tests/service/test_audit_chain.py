"""The audit log: what was changed, removed, moved or slipped in afterwards shows, and where."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sdb_service import audit, clock
from sdb_service.db import Database
from sdb_service.ids import new_id
from sdb_service.tables import AuditEvent, AuditHead
from tests.service.tampering import unguard

pytestmark = pytest.mark.trust

_DETAIL = {
    "name": "Größe \u2028 \U0001f511",
    "lambda": 0.1 + 0.2,
    "nested": {"b": [1, None, True], "a": ""},
    "big": 2**60,
}


def test_an_untouched_log_verifies(database: Database) -> None:
    _append(database, 5)
    assert _first_bad_row(database) is None


def test_an_empty_log_verifies(database: Database) -> None:
    assert _first_bad_row(database) is None


def test_an_event_of_a_transaction_that_failed_is_not_in_the_log(database: Database) -> None:
    with pytest.raises(RuntimeError, match="too late"):
        _append_and_fail(database)
    _append(database, 2)
    assert _first_bad_row(database) is None
    assert _count(database) == 2


def _edit(session: Session, row: int, **values: object) -> None:
    session.execute(update(AuditEvent).where(AuditEvent.number == row).values(**values))


def _delete(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.number == 3))


def _truncate(session: Session) -> None:
    session.execute(delete(AuditEvent).where(AuditEvent.number > 3))


def _empty(session: Session) -> None:
    session.execute(delete(AuditEvent))


def _reorder(session: Session) -> None:
    for old, new in ((3, 100), (4, 3), (100, 4)):
        _edit(session, old, number=new)


def _insert(session: Session, *, number: int) -> None:
    before = session.execute(select(AuditEvent).where(AuditEvent.number == number - 1)).scalar_one()
    forged = AuditEvent(
        id=new_id("evt"),
        number=number,
        at=clock.now(),
        action="license.create",
        object_type="license",
        object_id="lic_forged",
        detail={},
        previous_hash=before.hash,
        hash="",
    )
    forged.hash = audit.digest(forged)
    session.add(forged)


def _insert_in_the_middle(session: Session) -> None:
    for number in (5, 4, 3):
        _edit(session, number, number=number + 1)
    _insert(session, number=3)


TAMPERING: dict[str, tuple[int, Callable[[Session], object]]] = {
    "the action": (3, lambda session: _edit(session, 3, action="license.delete")),
    "the detail": (3, lambda session: _edit(session, 3, detail={"step": 99})),
    "who": (2, lambda session: _edit(session, 2, actor_id=None)),
    "when": (1, lambda session: _edit(session, 1, at=clock.now())),
    "the address": (5, lambda session: _edit(session, 5, address="203.0.113.9")),
    "the last hash": (5, lambda session: _edit(session, 5, hash="f" * 64)),
    "the link": (4, lambda session: _edit(session, 4, previous_hash="f" * 64)),
    "a row deleted": (3, _delete),
    "two rows swapped": (3, _reorder),
    "a row slipped in": (3, _insert_in_the_middle),
    "a row added at the end": (6, lambda session: _insert(session, number=6)),
    "the end cut off": (4, _truncate),
    "all rows gone": (1, _empty),
    "the head gone": (1, lambda session: session.execute(delete(AuditHead))),
}


@pytest.mark.parametrize(("number", "tamper"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found_at_its_row(database: Database, number: int, tamper: Callable[[Session], object]) -> None:
    _append(database, 5)
    with database.transaction() as session:
        unguard(session)
        tamper(session)
    found = _first_bad_row(database)
    assert found is not None
    assert found[0] == number


def test_events_appended_by_many_threads_are_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=_append, args=(database, 10)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _first_bad_row(database) is None
    assert _count(database) == 60


def test_a_log_that_grows_while_it_is_verified_is_not_called_broken(database: Database) -> None:
    writer = threading.Thread(target=_append, args=(database, 60))
    writer.start()
    found = []
    while writer.is_alive():
        found.append(_first_bad_row(database))
    writer.join()
    assert set(found) == {None}


def _append(database: Database, count: int) -> None:
    for step in range(count):
        with database.transaction() as session:
            _record(session, step)


def _append_and_fail(database: Database) -> None:
    with database.transaction() as session:
        _record(session, 0)
        raise RuntimeError("too late")


def _record(session: Session, step: int) -> None:
    audit.record(
        session,
        "license.create",
        actor_id="acc_provider",
        account_id="acc_provider",
        object_type="license",
        object_id="lic_1",
        detail=_DETAIL | {"step": step},
        address="192.0.2.1",
    )


def _first_bad_row(database: Database) -> audit.Flaw | None:
    with database.reading() as session:
        return audit.first_bad_row(session)


def _count(database: Database) -> int:
    with database.reading() as session:
        head = session.get_one(AuditHead, 1)
        assert head.number == len(session.execute(select(AuditEvent.id)).all())
        return head.number
