"""Starting a server, waiting until it answers, and stopping it for certain."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_KEEPER = Path(__file__).with_name("keeper.py")
_READY_SECONDS = 60


class ServerMissing(RuntimeError):
    """The program of a server is not installed: the tests that need it are skipped, loudly."""


class ServerFailed(RuntimeError):
    """The program is there and does not run; the message carries the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """A folder of its own directly in the system's temporary folder, so that an unprivileged user can reach it."""
    folder = Path(tempfile.mkdtemp(prefix=f"sdb-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kept(
    command: Sequence[str],
    *,
    folder: Path,
    ready: Callable[[], bool],
    stop: str = "SIGTERM",
    user: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run `command` under the keeper until the block ends; entered once `ready()` holds.

    The server sees nothing of this process's variables but the PATH, and what `env` adds.

    Raises:
        ServerFailed: it ended by itself, or was not ready in time.
    """
    log = folder / "server.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-IS", str(_KEEPER), stop, user or "", str(folder), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **(env or {})},
        )
    try:
        _wait(keeper, ready, log)
        yield
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()


def _wait(keeper: "subprocess.Popen[bytes]", ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while not ready():
        if keeper.poll() is not None:
            raise ServerFailed(f"the server ended at once:\n{_tail(log)}")
        if time.monotonic() > end:
            raise ServerFailed(f"the server was not ready within {_READY_SECONDS} s:\n{_tail(log)}")
        time.sleep(0.02)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else "(its log is gone with its folder)"
