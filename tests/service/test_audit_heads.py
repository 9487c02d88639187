"""Signed heads in storage: what a database that was rewritten as a whole cannot hide."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

import migrations
from sdb_service import admin, audit
from sdb_service.audit import chain, heads
from sdb_service.db import Database
from sdb_service.errors import Conflict
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.signing import SigningKey
from sdb_service.tables import AuditEvent, AuditHead
from tests.service.tampering import unguard

pytestmark = pytest.mark.trust


@pytest.fixture
def runtime(any_settings: Settings) -> Iterator[Runtime]:
    migrations.upgrade(any_settings)
    opened = open_runtime(any_settings)
    yield opened
    opened.database.close()


def append(database: Database, count: int) -> None:
    with database.transaction() as session:
        for step in range(count):
            audit.record(
                session,
                "license.revoke",
                actor_id=None,
                account_id=None,
                object_type="license",
                object_id="lic_1",
                detail={"step": step},
            )


def broken(runtime: Runtime) -> str | None:
    try:
        admin.audit_verify(runtime)
    except Conflict as error:
        return f"{error.code}: {error.detail}"
    return None


def kept_head(session: Session) -> dict[str, object]:
    return dict(session.execute(select(*AuditHead.__table__.columns)).mappings().one())


def test_a_log_that_fits_its_signed_heads_is_intact(runtime: Runtime) -> None:
    for _ in range(3):
        append(runtime.database, 4)
        admin.audit_head(runtime)

    assert admin.audit_verify(runtime).fields == {"intact": True, "signed_heads": 2}


def test_a_log_set_back_to_a_state_that_once_was_is_found(runtime: Runtime) -> None:
    append(runtime.database, 4)
    with runtime.database.reading() as session:
        once = kept_head(session)
    append(runtime.database, 3)
    admin.audit_head(runtime)
    with runtime.database.transaction() as session:
        unguard(session)
        session.execute(delete(AuditEvent).where(AuditEvent.number > 4))
        session.execute(update(AuditHead).values(**once))
        assert audit.first_bad_row(session) is None  # the database alone cannot know

    found = broken(runtime)

    assert found is not None
    assert "broken at row 5" in found
    assert "names row 7" in found


def test_rows_written_after_a_truncation_do_not_hide_it(runtime: Runtime) -> None:
    append(runtime.database, 9)
    with runtime.database.transaction() as session:
        unguard(session)
        end = session.execute(select(AuditEvent.hash).where(AuditEvent.number == 5)).scalar_one()
        session.execute(delete(AuditEvent).where(AuditEvent.number > 5))
        session.execute(update(AuditHead).values(number=5, hash=end))
    append(runtime.database, 9)

    found = broken(runtime)

    assert found is not None
    assert "broken at row 6" in found


def test_a_log_forged_as_a_whole_is_found_by_its_heads(runtime: Runtime) -> None:
    append(runtime.database, 6)
    admin.audit_head(runtime)
    attacker = Database(runtime.settings.effective_database_url, audit_key=Secret(b"guessed".ljust(32)))
    with attacker.transaction() as session:
        unguard(session)
        session.execute(delete(AuditEvent))
        session.execute(update(AuditHead).values(number=0, hash=chain.GENESIS, keyed_from=None, proof=None))
    append(attacker, 6)
    attacker.close()

    found = broken(runtime)

    assert found is not None
    assert "broken at row 1" in found


@pytest.mark.parametrize("field", ["number", "hash", "keyed_from", "at", "signature"])
def test_a_head_that_was_changed_is_refused(runtime: Runtime, field: str) -> None:
    append(runtime.database, 3)
    admin.audit_head(runtime)
    [name] = runtime.storage.keys(heads.FOLDER)
    fields = json.loads(b"".join(runtime.storage.read(name)))
    other = {"number": 2, "keyed_from": 2, "at": "2001-01-01T00:00:00+00:00"}
    fields[field] = other.get(field, fields[field] if field in other else "A" * len(str(fields[field])))
    runtime.storage.put_bytes(name, json.dumps(fields).encode())

    found = broken(runtime)

    assert found is not None
    assert found.startswith("audit_head_invalid: ")
    assert name in found


def test_a_head_signed_with_another_key_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    append(runtime.database, 3)
    with runtime.database.reading() as session:
        heads.keep_head(runtime.storage, heads.current_head(session), signing=SigningKey(tmp_path / "another"))

    assert str(broken(runtime)).startswith("audit_head_invalid: ")


def test_a_days_first_head_is_not_written_again(runtime: Runtime) -> None:
    append(runtime.database, 1)
    admin.audit_head(runtime)
    [name] = runtime.storage.keys(heads.FOLDER)
    first = b"".join(runtime.storage.read(name))
    append(runtime.database, 1)
    admin.audit_head(runtime)

    assert b"".join(runtime.storage.read(name)) == first
    newest = heads.newest_head(runtime.storage, public_key=runtime.signing.public_key_text)
    assert newest is not None
    assert newest.number == 2


def test_a_log_from_before_the_key_goes_on_under_it_and_both_parts_hold(runtime: Runtime) -> None:
    _older_rows(runtime.database, 5)
    assert broken(runtime) is None
    append(runtime.database, 5)
    assert broken(runtime) is None

    with runtime.database.transaction() as session:
        unguard(session)
        session.execute(text("UPDATE audit_events SET address = '203.0.113.9' WHERE number = 5"))
        row = session.execute(select(*AuditEvent.__table__.columns).where(AuditEvent.number == 5)).one()
        session.execute(update(AuditEvent).where(AuditEvent.number == 5).values(hash=chain.digest(row)))
        flaw = audit.first_bad_row(session)

    assert flaw is not None
    assert flaw.number == 6  # the old rows are held by the first one under the key


def test_without_its_key_the_log_is_neither_verified_nor_written(runtime: Runtime) -> None:
    append(runtime.database, 2)
    keyless = Database(runtime.settings.effective_database_url)
    with keyless.reading() as session, pytest.raises(RuntimeError, match="audit key"):
        audit.first_bad_row(session)
    with pytest.raises(RuntimeError, match="audit key"):
        append(keyless, 1)
    keyless.close()


def _older_rows(database: Database, count: int) -> None:
    """Rows as the version before wrote them."""
    with database.transaction() as session:
        before = chain.GENESIS
        for number in range(1, count + 1):
            event = AuditEvent(
                id=f"evt_{number}",
                number=number,
                at=heads.clock.now(),
                action="license.grant",
                object_type="license",
                object_id="lic_1",
                detail={},
                previous_hash=before,
                version=chain.PLAIN,
            )
            event.hash = before = chain.digest(event)
            session.add(event)
        session.execute(update(AuditHead).values(number=count, hash=before))
