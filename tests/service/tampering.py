"""An attacker with full access to the database, and no key."""

from sqlalchemy import text
from sqlalchemy.orm import Session


def unguard(session: Session) -> None:
    """Take away what refuses changes of the audit log, as the owner of the table can."""
    if session.get_bind().dialect.name == "sqlite":
        for name in session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            session.execute(text(f"DROP TRIGGER {name}"))
    else:
        session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
