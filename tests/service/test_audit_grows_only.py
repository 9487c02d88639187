"""The database itself refuses to change the audit log or to take anything out of it."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from sdb_service import audit
from sdb_service.db import Database

pytestmark = pytest.mark.trust

_SENTENCE = "the audit log only grows"
_REPLACEMENT = (
    "INSERT OR REPLACE INTO audit_events SELECT 'evt_x', number, at, action, actor_id, account_id, object_type,"
    " object_id, detail, address, request_id, previous_hash, hash, user_id, outcome, version"
    " FROM audit_events WHERE number = 2"
)

EVERYWHERE = (
    "UPDATE audit_events SET action = 'license.revoke' WHERE number = 2",
    "UPDATE audit_events SET hash = hash",
    "DELETE FROM audit_events WHERE number = 3",
    "DELETE FROM audit_events",
)
HERE = {
    "postgresql": ("TRUNCATE audit_events", "TRUNCATE audit_events CASCADE"),
    "sqlite": (_REPLACEMENT, "UPDATE OR REPLACE audit_events SET number = 3 WHERE number = 2"),
}


@pytest.fixture
def log(database: Database) -> Database:
    with database.transaction() as session:
        for _ in range(3):
            _record(session)
    return database


def test_no_row_is_changed_replaced_or_taken_out(log: Database) -> None:
    for statement in (*EVERYWHERE, *HERE[log.engine.dialect.name]):
        with pytest.raises(DatabaseError, match=_SENTENCE), log.transaction() as session:
            session.execute(text(statement))
    with log.reading() as session:
        assert audit.first_bad_row(session) is None
        assert session.execute(text("SELECT count(*) FROM audit_events")).scalar_one() == 3


def test_the_log_still_grows(log: Database) -> None:
    with log.transaction() as session:
        _record(session)
    with log.reading() as session:
        assert audit.first_bad_row(session) is None


def _record(session: Session) -> None:
    audit.record(session, "license.grant", actor_id=None, account_id=None, object_type="license", object_id="lic_1")
