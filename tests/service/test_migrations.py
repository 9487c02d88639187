"""The migrations add up to the tables, once and for all."""

import os
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import migrations
from sdb_service.db import Database
from sdb_service.settings import Settings
from sdb_service.tables import metadata
from tests.servers.profiles import Profile

_MIGRATE_AT_THE_SIGN = """
import pathlib, sys, time
import migrations
from sdb_service.settings import Settings
settings = Settings()
print("ready", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.001)
migrations.upgrade(settings)
"""


def test_the_migrations_add_up_to_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_a_second_upgrade_changes_nothing(any_settings: Settings, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE audit_head SET number = 41"))
    migrations.upgrade(any_settings)
    with database.reading() as session:
        assert session.execute(text("SELECT number FROM audit_head")).scalars().all() == [41]


def test_every_migration_can_be_taken_back(any_settings: Settings, database: Database) -> None:
    from alembic import command

    command.downgrade(migrations.config(any_settings), "base")
    left = set(inspect(database.engine).get_table_names())
    migrations.upgrade(any_settings)
    assert left == {"alembic_version"}
    assert set(metadata.tables) <= set(inspect(database.engine).get_table_names())


def test_processes_that_migrate_at_once_all_succeed(any_profile: Profile, tmp_path: Path) -> None:
    sign = tmp_path / "now"
    command = [sys.executable, "-c", _MIGRATE_AT_THE_SIGN, str(sign)]
    running = [
        subprocess.Popen(
            command, env=os.environ | any_profile.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    sign.touch()
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert ended == [("", 0)] * 3
