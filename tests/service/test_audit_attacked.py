"""Five hundred attacks on the audit log, with the whole database and no key: each is found, at the first false row."""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from sdb_service import audit, clock
from sdb_service.audit import chain, heads
from sdb_service.audit.heads import Head
from sdb_service.db import Database
from sdb_service.ids import new_id
from sdb_service.tables import AuditEvent, AuditHead
from tests.service.tampering import unguard

pytestmark = pytest.mark.trust

ROWS = 300
EACH = 100
HEADS = (90, 210, 297)
Row = dict[str, Any]
Rows = list[Row]


def change(rows: Rows, at: int, dice: random.Random) -> Rows:
    """Another action, actor, owner, moment, detail, address or outcome in one row."""
    changed = {
        "action": "license.grant",
        "actor_id": "acc_somebody",
        "user_id": "usr_somebody",
        "account_id": None,
        "object_id": "lic_other",
        "at": clock.after(-9000),
        "detail": {"step": -1},
        "address": "203.0.113.9",
        "outcome": "refused",
        "id": new_id("evt"),
    }
    name = dice.choice(sorted(changed))
    return [*rows[:at], rows[at] | {name: changed[name]}, *rows[at + 1 :]]


def remove(rows: Rows, at: int, dice: random.Random) -> Rows:
    at = min(at, ROWS - 2)  # the last one is `truncate`
    return [*rows[:at], *rows[at + 1 :]]


def reorder(rows: Rows, at: int, dice: random.Random) -> Rows:
    other = dice.choice([place for place in range(ROWS) if place != at])
    moved = list(rows)
    moved[at], moved[other] = moved[other], moved[at]
    return moved


def slip_in(rows: Rows, at: int, dice: random.Random) -> Rows:
    forged = rows[at] | {"id": new_id("evt"), "action": "license.key", "hash": "0" * 64}
    return [*rows[:at], forged, *rows[at:]]


def truncate(rows: Rows, at: int, dice: random.Random) -> Rows:
    return rows[:at]


def as_it_is(rows: Rows, start: int) -> Rows:
    """Only renumbered: every hash and link as it was found."""
    return [row | {"number": place + 1} for place, row in enumerate(rows)]


def linked(rows: Rows, start: int) -> Rows:
    """Each row follows the one before; the hashes, which cannot be made, are other rows' or as they were."""
    done: Rows = []
    for place, row in enumerate(as_it_is(rows, start)):
        before = done[-1]["hash"] if done else chain.GENESIS
        done.append(row | {"previous_hash": before} if place >= start else row)
    return done


def hashed_without_key(rows: Rows, start: int) -> Rows:
    """A whole chain from the first false row on, of the kind that needs no key."""
    return _plain(rows, start, version=chain.PLAIN)


def hashed_and_called_keyed(rows: Rows, start: int) -> Rows:
    return _plain(rows, start, version=chain.KEYED)


def as_if_never_keyed(rows: Rows, start: int) -> Rows:
    """The whole log anew, as if it came from before there was a key."""
    return _plain(rows, 0, version=chain.PLAIN)


def _plain(rows: Rows, start: int, *, version: int) -> Rows:
    done: Rows = []
    for place, row in enumerate(as_it_is(rows, start)):
        made = dict(row)
        if place >= start:
            made |= {"version": version, "previous_hash": done[-1]["hash"] if done else chain.GENESIS}
            made["hash"] = chain.digest(SimpleNamespace(**made | {"version": chain.PLAIN}))
        done.append(made)
    return done


ATTACKS = (change, remove, reorder, slip_in, truncate)
COVERS = (as_it_is, linked, hashed_without_key, hashed_and_called_keyed, as_if_never_keyed)


@pytest.fixture
def log(database: Database) -> Database:
    with database.transaction() as session:
        for step in range(ROWS):
            audit.record(
                session,
                "license.revoke",
                actor_id=f"acc_{step % 7}",
                user_id=None,
                account_id="acc_provider",
                object_type="license",
                object_id=f"lic_{step}",
                detail={"step": step},
                address="192.0.2.1",
            )
    return database


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_hundred_attacks_of_a_kind_are_all_found_and_the_first_false_row_named(
    log: Database, attack: Callable[[Rows, int, random.Random], Rows]
) -> None:
    dice = random.Random(f"{attack.__name__}, seeded")
    found = []
    with log.transaction() as session:
        unguard(session)
        original = [dict(row) for row in session.execute(select(*AuditEvent.__table__.columns)).mappings()]
        original.sort(key=lambda row: row["number"])
        head = session.execute(select(*AuditHead.__table__.columns)).mappings().one()
        signed = [Head(number, original[number - 1]["hash"], 1, "2031-05-17T00:00:00+00:00") for number in HEADS]
        for turn in range(EACH):
            cover = COVERS[turn % len(COVERS)]
            rows = cover(*_with_first_false(attack(original, dice.randrange(ROWS), dice), original))
            first = _first_difference(rows, original)
            with session.begin_nested() as attempt:
                _put(session, rows, original, dice.choice([_nothing, _fitted, _fitted_and_bare]), head)
                known, keyed_by = heads.vouched(session, signed)
                flaw = audit.first_bad_row(session, known=known, keyed_by=keyed_by)
                looks_new = cover is as_if_never_keyed or not rows  # known from signed heads alone
                alone = flaw if looks_new else audit.first_bad_row(session)
                attempt.rollback()
            found.append((cover.__name__, first, flaw and flaw.number, alone and alone.number))
        assert audit.first_bad_row(session) is None
        session.rollback()

    assert [row for row in found if not row[1] == row[2] == row[3]] == []
    assert len(found) == EACH
    assert len({row[1] for row in found}) > EACH // 3  # all over the log


def _with_first_false(rows: Rows, original: Rows) -> tuple[Rows, int]:
    return rows, _first_difference(as_it_is(rows, 0), original) - 1


def _first_difference(rows: Rows, original: Rows) -> int:
    """The number of the first row that is not as the service wrote it."""
    for place in range(max(len(rows), len(original))):
        if rows[place : place + 1] != original[place : place + 1]:
            return place + 1
    raise AssertionError("nothing was attacked")


def _nothing(rows: Rows, head: Any) -> Row:
    return {}


def _fitted(rows: Rows, head: Any) -> Row:
    """The head's number and hash made to fit; its proof is the one that was there."""
    return {"number": len(rows), "hash": rows[-1]["hash"] if rows else chain.GENESIS}


def _fitted_and_bare(rows: Rows, head: Any) -> Row:
    """As if no row had ever been under a key."""
    return _fitted(rows, head) | {"proof": None, "keyed_from": None}


def _put(session: Session, rows: Rows, original: Rows, fit: Callable[[Rows, Any], Row], head: Any) -> None:
    start = _first_difference(rows, original)
    session.execute(delete(AuditEvent).where(AuditEvent.number >= start))
    if rows[start - 1 :]:
        session.execute(insert(AuditEvent), rows[start - 1 :])
    if values := fit(rows, head):
        session.execute(update(AuditHead).values(**values))
