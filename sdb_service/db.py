"""The database: one transaction for a request or a task. `commit` stands in this file alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from sdb_service.refusals import Refusals
from sdb_service.secret import Secret

_AFTER_COMMIT = "sdb_after_commit"
_BEFORE_COMMIT = "sdb_before_commit"
_AFTER_ROLLBACK = "sdb_after_rollback"
_AUDIT_KEY = "sdb_audit_key"
_KEEP_REVOKED = "sdb_keep_revoked"


class Database:
    """An engine and the way to open a transaction on it."""

    def __init__(
        self, url: str, *, audit_key: Secret | None = None, keep_revoked: Callable[[str, str], None] | None = None
    ) -> None:
        self.engine = _engine(url)
        self.refusals = Refusals()
        self._info: dict[str, Any] = {_AUDIT_KEY: audit_key, _KEEP_REVOKED: keep_revoked}
        self._readers = self.engine.execution_options(sdb_read_only=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading alone: it never waits for a writer, and what it changes is rolled back."""
        with Session(self._readers, expire_on_commit=False, info=self._info) as session:
            yield session  # closing rolls back; what was loaded stays readable

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed when the block ends and rolled back when it raises.

        What was left with `after_commit` or `after_rollback` runs afterwards, in order, outside the transaction.
        """
        with Session(self.engine, expire_on_commit=False, info=self._info) as session:
            try:
                yield session
                if _BEFORE_COMMIT in session.info:
                    session.flush()
                    _run(session, _BEFORE_COMMIT)
                session.commit()
            except BaseException:
                session.close()  # gives the connection back: what runs now may want to write
                _run(session, _AFTER_ROLLBACK)
                raise
        _run(session, _AFTER_COMMIT)

    def close(self) -> None:
        self.engine.dispose()


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Run `call` once the session's transaction is committed, and never if it is not.

    An explicit list: SQLAlchemy's own `after_commit` event also fires when a savepoint is released.
    """
    session.info.setdefault(_AFTER_COMMIT, []).append(call)


def before_commit(session: Session, call: Callable[[], None]) -> None:
    """Run `call` when all work of the transaction is done and only the commit is left."""
    session.info.setdefault(_BEFORE_COMMIT, []).append(call)


def after_rollback(session: Session, call: Callable[[], None]) -> None:
    """Run `call` once the session's transaction has failed, and never if it is committed."""
    session.info.setdefault(_AFTER_ROLLBACK, []).append(call)


def _run(session: Session, when: str) -> None:
    for call in session.info.pop(when, []):
        call()


def audit_key(session: Session) -> Secret:
    """The key of the audit log, which sessions carry so that whoever records an act need not be handed it."""
    key: Secret | None = session.info.get(_AUDIT_KEY)
    if key is None:
        raise RuntimeError("nothing can be recorded here: open the database with the audit key")
    return key


def keep_revoked(session: Session, kind: str, object_id: str) -> None:
    """See to it that the taking away of this object, in this transaction, outlasts a restored backup."""
    keep: Callable[[str, str], None] | None = session.info.get(_KEEP_REVOKED)
    if keep is not None:
        before_commit(session, lambda: keep(kind, object_id))


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 30}, pool_size=20, max_overflow=20)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    # A read that later wants to write would fail at once with "database is locked" under plain BEGIN.
    reads_only = connection.get_execution_options().get("sdb_read_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
