"""Fixtures of the two profiles. The servers run once for the whole session; every test gets fresh places on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from sdb_service.db import Database
from sdb_service.sealing import read_key_file
from sdb_service.settings import Settings
from tests.servers import profiles
from tests.servers.processes import ServerMissing
from tests.servers.profiles import Profile, Servers

BOTH = ("embedded_profile", pytest.param("production_profile", marks=pytest.mark.production))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Postgres, Redis and an S3 server."""
    try:
        starting = profiles.servers()
        running = starting.__enter__()
    except ServerMissing as missing:
        pytest.skip(f"THE PRODUCTION PROFILE IS NOT TESTED: {missing}")
    try:
        yield running
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture
def embedded_profile(tmp_path: Path) -> Profile:
    return profiles.embedded(tmp_path)


@pytest.fixture
def production_profile(tmp_path: Path, servers: Servers) -> Iterator[Profile]:
    with profiles.production(tmp_path, servers) as profile:
        yield profile


@pytest.fixture(params=BOTH, ids=["embedded", "production"])
def any_profile(request: pytest.FixtureRequest) -> Profile:
    """Each of both in turn."""
    profile: Profile = request.getfixturevalue(request.param)
    return profile


@pytest.fixture
def embedded_settings(embedded_profile: Profile) -> Settings:
    return embedded_profile.settings


@pytest.fixture
def production_settings(production_profile: Profile) -> Settings:
    return production_profile.settings


@pytest.fixture
def any_settings(any_profile: Profile) -> Settings:
    return any_profile.settings


@pytest.fixture
def database(any_settings: Settings) -> Iterator[Database]:
    """SQLite, then Postgres, as the migrations make them."""
    migrations.upgrade(any_settings)
    key = read_key_file(any_settings.effective_audit_key_file)
    opened = Database(any_settings.effective_database_url, audit_key=key)
    yield opened
    opened.close()
