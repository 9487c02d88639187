"""The service in this process: one for most tests, a fresh one on each profile where the database matters."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

import migrations
from api.app import create_app
from sdb_service.runtime import open_runtime
from sdb_service.settings import Settings
from tests.api.networks import Network, random_network
from tests.api.seeding import House, Person
from tests.servers import profiles
from tests.servers.profiles import Profile


@contextmanager
def house_on(settings: Settings, network: Network, **changes: Any) -> Iterator[House]:
    """The service on these settings. A server error is an answer, not an exception: that is what callers see."""
    usual = {"requests_per_minute": 1_000_000, "account_requests_per_minute": 1_000_000, "webhook_poll_seconds": 3600}
    settings = settings.model_copy(update=usual | changes)
    migrations.upgrade(settings)
    runtime = open_runtime(settings)
    with TestClient(create_app(runtime), raise_server_exceptions=False) as http:
        yield House(runtime, http, network)
    runtime.database.close()


@pytest.fixture(scope="session")
def network() -> Network:
    return random_network()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[House]:
    """One embedded service for all tests; each test has accounts of its own."""
    settings = profiles.embedded(tmp_path_factory.mktemp("house")).settings
    with house_on(settings, network, part_bytes=65_536, max_upload_bytes=1 << 20) as opened:
        yield opened


@pytest.fixture(scope="session", params=["embedded", pytest.param("production", marks=pytest.mark.production)])
def each_house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, network: Network
) -> Iterator[House]:
    """One service on each profile in turn, for tests whose accounts are their own."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "embedded":
            profile = profiles.embedded(folder)
        else:
            profile = stack.enter_context(profiles.production(folder, request.getfixturevalue("servers")))
        yield stack.enter_context(house_on(profile.settings, network))


@pytest.fixture
def any_house(any_profile: Profile, network: Network) -> Iterator[House]:
    """A fresh service on SQLite and files, then on Postgres, Redis and S3."""
    with house_on(any_profile.settings, network) as opened:
        yield opened


@pytest.fixture
def admin(house: House) -> Person:
    return house.person("admin")


@pytest.fixture
def provider(house: House) -> Person:
    return house.person("provider")


@pytest.fixture
def customer(house: House) -> Person:
    return house.person("customer")
