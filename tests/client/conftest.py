import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdb_client import Client

from .running import PART_BYTES, Service, running, small_settings
from .weather import BadLine, Fault, MakeLine

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests; each test has accounts of its own."""
    with running(small_settings(tmp_path_factory.mktemp("service"))) as found:
        yield found


@pytest.fixture
def admin(service: Service) -> Iterator[Client]:
    with service.client_of(f"admin {next(_numbers)}", role="admin") as client:
        yield client


@pytest.fixture
def provider(service: Service) -> Iterator[Client]:
    with service.client_of(f"provider {next(_numbers)}", role="provider") as client:
        yield client


@pytest.fixture
def customer(service: Service) -> Iterator[Client]:
    with service.client_of(f"customer {next(_numbers)}", role="customer") as client:
        yield client


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A file of three and a half parts."""
    file = tmp_path / "net.safetensors"
    file.write_bytes(bytes(range(256)) * (PART_BYTES // 256 * 7 // 2))
    return file


@pytest.fixture
def bad_line() -> Iterator[MakeLine]:
    """Makes bad lines, and closes them after the test."""
    made: list[BadLine] = []

    def make(fault: Fault) -> BadLine:
        made.append(BadLine(fault))
        return made[-1]

    yield make
    for line in made:
        line.close()
