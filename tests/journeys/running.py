"""A service as it runs for real: processes of the API and of both workers, killed and started at will."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx2
import psutil

from sdb_client import Client
from sdb_service import identity
from sdb_service.runtime import open_runtime
from tests.journeys.canary_places import Answers
from tests.servers.profiles import Profile

T = TypeVar("T")

API = ["-m", "api", "--port"]
WORKER = ["-m", "celery", "-A", "worker.app", "worker", "--pool", "threads", "--concurrency", "1"]
WORKER += ["--without-gossip", "--without-mingle", "--queues"]


@dataclass
class RunningService:
    """Processes and clients; `start` and `kill` work on one process by name."""

    profile: Profile
    folder: Path
    url: str
    env: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)

    def start(self, name: str) -> None:
        lines = {
            "api": [*API, self.url.rpartition(":")[2]],
            "jobs": [*WORKER, "jobs"],
            "checks": [*WORKER, "checks", "-B"],
        }
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, *lines[name]], env=self.env, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def kill(self, name: str) -> None:
        """kill -9 of the process alone: what it started has to notice by itself."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """A polite end, as an operator's restart is; answers the exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(60)

    def stop_all(self) -> None:
        for client in self.clients:
            client.close()
        for name in list(self.processes):
            os.killpg(self.processes[name].pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def children(self) -> list[psutil.Process]:
        """The training children that run now, anywhere below the workers."""
        found = []
        for process in self.processes.values():
            for member in psutil.Process(process.pid).children(recursive=True):
                if member.is_running() and "worker.child" in member.cmdline() and member.name() != "bwrap":
                    found.append(member)
        return found

    def client(self, role: identity.Role, name: str) -> Client:
        """A client for a new account."""
        runtime = open_runtime(self.profile.settings)
        with runtime.database.transaction() as session:
            account = identity.create_account(session, name, role=role)
            _, text = identity.issue_token(session, account.id, name="test", key=runtime.token_key)
        runtime.database.close()
        return self._connected(text.reveal().decode())

    def public(self) -> Client:
        """A client of somebody without an account."""
        return self._connected(None)

    def _connected(self, token: str | None) -> Client:
        self.answers.append(Answers())
        client = Client(self.url, token=token, transport=self.answers[-1])
        self.clients.append(client)
        return client

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


@contextmanager
def running(profile: Profile, folder: Path, **changes: str) -> Iterator[RunningService]:
    """The whole service on a profile; `changes` are more `SDB_*` variables."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SDB_")}
    port = _free_port()
    service = RunningService(
        profile, folder, f"http://127.0.0.1:{port}", env | profile.env | {"SDB_CHILD_THREADS": "1"} | changes
    )
    try:
        service.start("api")
        _wait_until_healthy(service)
        service.start("jobs")
        service.start("checks")
        yield service
    finally:
        service.stop_all()


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 60) -> T:
    """What `look` finds; fails where it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def _wait_until_healthy(service: RunningService) -> None:
    def healthy() -> bool | None:
        assert service.processes["api"].poll() is None, service.logs()
        try:
            return True if httpx2.get(f"{service.url}/readyz").status_code == 200 else None
        except httpx2.TransportError:
            return None

    wait_for("the API", healthy, seconds=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def train_teacher(folder: Path) -> tuple[Path, dict[str, object]]:
    """A trained digits classifier and its input, made by the method's own command line."""
    path = folder / "teacher.safetensors"
    line = [sys.executable, "-m", "sdb_core", "train", "--data", "builtin:digits", "--architecture", "sdb:cnn-mini"]
    line += ["--out", str(path), "--seed", "1", "--json", "--threads", "1"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return path, json.loads(done.stdout)["input"]
