"""A server in processes of its own, kept to one core, and what processor time it has used."""

import os
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

    def stop(self) -> None:
        family = _family(self.child.pid)
        self.child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(15)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.child.wait(15)


def start(
    command: Sequence[str], *, port: int, log: Path, cores: Sequence[int], env: Mapping[str, str] | None = None
) -> Served:
    """Start a server on these cores and wait until it takes connections.

    Raises:
        RuntimeError: it ended or did not come up; the message holds the end of its log.
    """
    with log.open("wb") as file:
        child = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
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
