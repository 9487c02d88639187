"""How Alembic reaches the database: one transaction, an advisory lock, and a lock timeout on Postgres."""

from alembic import context
from sqlalchemy import text

from sdb_service.db import Database
from sdb_service.settings import Settings
from sdb_service.tables import metadata

_ADVISORY_LOCK = 7_238_520_316  # any number, the same for every process that migrates


def run() -> None:
    settings: Settings = context.config.attributes.get("settings") or Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        context.configure(
            connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=False
        )
        with context.begin_transaction():
            context.run_migrations()
    database.close()


run()
