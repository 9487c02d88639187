import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sdb_client import Box, Client
from sdb_client.cli import main
from sdb_client.jobs import Job

from . import standing_in
from .running import PART_BYTES, Service, running, small_settings
from .standing_in import JOBS
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


@dataclass(frozen=True)
class Told:
    returncode: int
    stdout: str
    stderr: str


Sdb = Callable[..., Told]


@pytest.fixture
def sdb(
    service: Service,
    provider: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Sdb:
    """Run the command in this process as the provider, in a folder of its own, against the running service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDB_URL", service.url)
    token = provider.tokens.issue("command").token

    def run(*arguments: str | Path, token: str = token) -> Told:
        monkeypatch.setenv("SDB_TOKEN", token)
        monkeypatch.setattr(sys, "argv", ["sdb", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Told(int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def job(provider: Client, service: Service, checkpoint: Path) -> Job:
    return standing_in.queued_job(provider, service.runtime, checkpoint)


@pytest.fixture
def box(job: Job, provider: Client, service: Service) -> Box:
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id))
    return provider.boxes.get(provider.jobs.wait(job.id, timeout=10).box_id or "")
