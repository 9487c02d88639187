"""The child process as the supervisor sees it: lines come in, kappa went in, and it can be ended."""

import json
import logging
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from sdb_service.secret import Secret
from sdb_service.settings import Settings
from worker.supervisor import sandbox
from worker.supervisor.workplace import Workplace

log = logging.getLogger(__name__)

_LONGEST_LINE = 1 << 20
_GRACE_SECONDS = 5
_TAIL_LINES = 40


@dataclass
class Child:
    """A started child. `lines` yields what it says until it ends."""

    process: subprocess.Popen[bytes]
    said: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)
    errors: list[str] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)

    def drain(self, wait_seconds: float) -> list[dict[str, Any]]:
        """What the child said: at once if there is something, otherwise what comes within `wait_seconds`."""
        found: list[dict[str, Any]] = []
        try:
            found.append(self.said.get(timeout=wait_seconds))
            while True:
                found.append(self.said.get_nowait())
        except queue.Empty:
            return found

    @property
    def ended(self) -> bool:
        """Whether it will say no more and all it said was drained."""
        return self.silent.is_set() and self.said.empty()

    def stop(self) -> None:
        """End the child and all it started."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        _kill_group(self.process.pid)
        self.process.wait()


@contextmanager
def started(settings: Settings, place: Workplace, *, kappa: Secret | None) -> Iterator[Child]:
    """Start the child on a workplace, give it kappa through a pipe, and see that it is gone in the end."""
    read_end = _kappa_pipe(kappa) if kappa is not None else None
    process = subprocess.Popen(  # noqa: S603 - the command is ours
        sandbox.command(settings, place, kappa_fd=read_end),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=sandbox.environment(settings, place),
        cwd=place.outputs,
        pass_fds=[read_end] if read_end is not None else [],
        start_new_session=True,
    )
    if read_end is not None:
        os.close(read_end)
    child = Child(process)
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=_listen, args=(process.stdout, child), daemon=True),
        threading.Thread(target=_keep_tail, args=(process.stderr, child.errors), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        yield child
    finally:
        child.stop()
        for reader in readers:
            reader.join(_GRACE_SECONDS)
        process.stdout.close()
        process.stderr.close()


def _kappa_pipe(kappa: Secret) -> int:
    """A pipe with kappa in it; a thread writes, since kappa may be larger than the pipe holds at once."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb") as pipe:
            try:
                pipe.write(kappa.reveal())
            except BrokenPipeError:
                log.warning("the child ended before it read its key")

    threading.Thread(target=write, daemon=True).start()
    return read_end


def _listen(stream: IO[bytes], child: Child) -> None:
    while line := stream.readline(_LONGEST_LINE):
        try:
            item = json.loads(line)
        except ValueError:
            continue  # a library that prints; what counts is JSON
        if isinstance(item, dict):
            child.said.put(item)
    child.silent.set()


def _keep_tail(stream: IO[bytes], errors: list[str]) -> None:
    while line := stream.readline(_LONGEST_LINE):
        errors.append(line.decode(errors="replace").rstrip()[:500])
        del errors[:-_TAIL_LINES]


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
