"""One node: the processes of the service on this machine.

The web application is one process; the workers are two, so that a check of an upload never waits behind a training.
All run in sessions of their own, write to `logs/` in the data folder, and live and die together.
"""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Literal

import migrations
from sdb_service.errors import Unavailable
from sdb_service.launcher.addresses import answers, free_port
from sdb_service.launcher.children import Child, environment_of, worker_environment
from sdb_service.launcher.folder_lock import lock_folder
from sdb_service.launcher.whereabouts import forget_address, note_address
from sdb_service.messages import QUEUE_CHECKS, QUEUE_JOBS
from sdb_service.settings import Settings

Role = Literal["api", "jobs", "checks"]

EVERYTHING: tuple[Role, ...] = ("api", "jobs", "checks")
WORKERS: tuple[Role, ...] = ("jobs", "checks")

_START_SECONDS = 60
_GRACE_SECONDS = 15  # a worker hands its job back in this time
_POLL_SECONDS = 0.25
_EVERY_HOST = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class Urls:
    """Where people and programs reach the service."""

    api: str
    dashboard: str


class Launcher:
    """Starts the processes of one node, waits, and stops them all. Use it as a context manager, or `start` and `stop`.

    `port` 0 takes a free one. `env` is the environment that the processes inherit, the launcher's own where it is
    None; the settings go on top of it. Start it in a thread that lives as long as the node: on Linux the processes
    are told to stop when the thread that started them ends.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        env: Mapping[str, str] | None = None,
        roles: Sequence[Role] = EVERYTHING,
    ) -> None:
        self.settings = settings
        self.roles = tuple(roles)
        self.logs = settings.data_dir / "logs"
        self._host, self._port, self._env = host, port, env
        self._children: list[Child] = []
        self._lock: IO[str] | None = None
        self._noted = False
        self._stopping = threading.Event()

    def __enter__(self) -> "Launcher":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> Urls:
        """The addresses; with `port` 0 they are known once `start` has returned."""
        host = "127.0.0.1" if self._host in _EVERY_HOST else self._host
        shown = f"[{host}]" if ":" in host else host
        api = f"http://{shown}:{self._port}"
        public = self.settings.public_url if "public_url" in self.settings.model_fields_set else api
        return Urls(api=api, dashboard=f"{public.rstrip('/')}/dashboard")

    def start(self, *, timeout: float = _START_SECONDS) -> Urls:
        """Bring the database up to date, start all processes, and wait until the web application answers.

        Raises:
            Conflict: another node uses the data folder, or the port is taken. Unavailable: a process did not come up.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock = lock_folder(self.settings)
        try:
            if "api" in self.roles:
                self._port = free_port(self._host, self._port)
            migrations.upgrade(self.settings)  # workers must not meet a database without tables
            public_url = self.urls.dashboard.removesuffix("/dashboard")
            env = environment_of(self.settings, inherited=self._env, public_url=public_url)
            for role in self.roles:
                log = self.logs / f"{role}.log"
                own = worker_environment(self.settings, env) if role in WORKERS else env
                self._children.append(Child(role, _command(role, self._host, self._port), env=own, log=log))
            if "api" in self.roles:
                self._wait_for_answer(timeout)
                note_address(self.settings, public_url)
                self._noted = True
        except BaseException:
            self.stop()
            raise
        return self.urls

    def wait(self) -> None:
        """Return once `ask_to_stop` was called.

        Raises:
            Unavailable: a process died by itself; the message names it and the end of its log.
        """
        while not self._stopping.wait(_POLL_SECONDS):
            self._require_all_alive()

    def ask_to_stop(self) -> None:
        """Let `wait` return; safe in a signal handler and from any thread."""
        self._stopping.set()

    def stop(self, *, grace: float = _GRACE_SECONDS) -> None:
        """Ask all processes to stop, and after `grace` seconds end what is left. Does nothing the second time."""
        self._stopping.set()
        for child in self._children:
            child.ask_to_stop()
        end = time.monotonic() + grace
        for child in self._children:
            child.end(within=max(0.0, end - time.monotonic()))
        self._children.clear()
        if self._noted:
            forget_address(self.settings)
            self._noted = False
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _wait_for_answer(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        host = self.urls.api.removeprefix("http://").rpartition(":")[0].strip("[]")
        while not answers(host, self._port):
            self._require_all_alive()
            if self._stopping.is_set():
                raise Unavailable("start_stopped", "The service was told to stop while it was starting.")
            if time.monotonic() > end:
                raise Unavailable("start_timeout", f"The service did not answer within {timeout:g} s; see {self.logs}.")
            time.sleep(0.1)

    def _require_all_alive(self) -> None:
        for child in self._children:
            if (why := child.why_dead()) is not None:
                raise Unavailable("process_died", f"The process {child.name!r} died: {why}")


def _command(role: Role, host: str, port: int) -> list[str]:
    if role == "api":
        return [sys.executable, "-m", "api", "--host", host, "--port", str(port), "--log-level", "warning"]
    queue, width = (QUEUE_JOBS, 1) if role == "jobs" else (QUEUE_CHECKS, 2)
    worker = ["celery", "-A", "worker.app", "worker", "--queues", queue, "--concurrency", str(width)]
    quiet = ["--pool", "threads", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    sweeper = ["--beat"] if role == "checks" else []
    return [sys.executable, "-m", *worker, *quiet, "--hostname", f"{role}@%h", *sweeper]
