"""A server in processes of its own, kept to one core, and what processor time it has used."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_START_SECONDS = 120
_SETTLE_SECONDS = 0.3


def end_on_signal() -> None:
    """Let SIGTERM end this process as Ctrl-C does: servers that stand still would outlive it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@dataclass
class Served:
    """A running server."""

    port: int
    child: subprocess.Popen[bytes]
    log: Path

    def cpu_seconds(self) -> float:
        """Processor time of the server and all its children, user and system."""
        total = 0.0
        for process in _family(self.child.pid):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def memory_bytes(self) -> int:
        """Resident memory of the server and all its children."""
        return sum(process.memory_info().rss for process in _family(self.child.pid))

    def pause(self) -> None:
        """Stand still, with all children: who waits must not disturb who is measured on the same core."""
        self._tell(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on, and have time for what fell due meanwhile."""
        self._tell(signal.SIGCONT)
        time.sleep(_SETTLE_SECONDS)

    def _tell(self, what: signal.Signals) -> None:
        for process in _family(self.child.pid):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(what)

    def stop(self) -> None:
        self._tell(signal.SIGCONT)  # who stands still does not hear that it should end
        family = _family(self.child.pid)
        self.child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(15)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.child.wait(15)


def start(
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    cores: Sequence[int],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Served:
    """Start a server on these cores and wait until it takes connections.

    Raises:
        RuntimeError: it ended or did not come up; the message holds the end of its log.
    """
    with log.open("wb") as file:
        child = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    os.sched_setaffinity(child.pid, set(cores))  # before it has threads, which inherit it
    served = Served(port, child, log)
    end = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if child.poll() is not None or time.monotonic() > end:
            served.stop()
            raise RuntimeError(f"{command[:3]} did not come up: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
    return served


def wait_for_answer(served: Served, whole: bytes) -> Served:
    """Send this request again and again until it is answered with 200: some servers listen before they are ready.

    Raises:
        RuntimeError: it never was; the message holds the last answer and the end of the server's log.
    """
    end, answer = time.monotonic() + _START_SECONDS, b""
    while not answer.startswith(b"HTTP/1.1 200"):
        if served.child.poll() is not None or time.monotonic() > end:
            served.stop()
            log = served.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{served.log.stem} is not ready, its last answer was {answer!r}: {log}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
            connection.sendall(whole)
            answer = connection.recv(1000)
        time.sleep(0.1)
    return served


def has_module(python: str, name: str) -> bool:
    """Whether this interpreter finds a package."""
    probe = [python, "-c", f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{name}'))"]
    return subprocess.run(probe, check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def python_module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
