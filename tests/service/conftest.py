"""A migrated database on each profile."""

from collections.abc import Iterator

import pytest

import migrations
from sdb_service.db import Database
from sdb_service.settings import Settings


@pytest.fixture
def database(any_settings: Settings) -> Iterator[Database]:
    """SQLite, then Postgres, as the migrations make them."""
    migrations.upgrade(any_settings)
    opened = Database(any_settings.effective_database_url)
    yield opened
    opened.close()
