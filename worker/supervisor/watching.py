"""Watching one child to its end: what it says goes into the rows, and the rows may stop it."""

import logging
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdb_service.runtime import WorkerRuntime
from worker.protocol import DONE, FAILED
from worker.supervisor.child import Child
from worker.supervisor.heartbeat import Heartbeat
from worker.supervisor.shutdown import SHUTDOWN

log = logging.getLogger(__name__)

_WRITE_SECONDS = 0.5

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """The child finished and says what it made."""

    result: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """The child refused the input or the settings, with a code and a cure."""

    code: str
    detail: str


@dataclass(frozen=True)
class Died:
    """The child ended without a word: killed, out of memory, or a fault of ours."""

    why: str


@dataclass(frozen=True)
class Stopped:
    """The supervisor ended the child: the job was cancelled, the lease lost, or the worker told to shut down."""

    why: str


Outcome = Done | Failed | Died | Stopped


def owner_name() -> str:
    """Who holds a lease: host and process."""
    return f"{platform.node()}:{os.getpid()}"[:120]


def watch(runtime: WorkerRuntime, child: Child, beat: Heartbeat, *, tell: Callable[[Lines], None]) -> Outcome:
    """Pass what the child says to `tell`, in batches, until it ends or has to be ended."""
    deadline = time.monotonic() + runtime.settings.job_seconds
    while True:
        lines = child.drain(_WRITE_SECONDS)
        if lines:
            tell([line for line in lines if line.get("event") not in (DONE, FAILED)])
        for line in lines:
            if line.get("event") == DONE:
                return Done(dict(line.get("result") or {}))
            if line.get("event") == FAILED:
                _log_unknown(child, str(line.get("code")))
                return Failed(str(line.get("code")), str(line.get("detail")))
        if why := _reason_to_stop(beat):
            return Stopped(why)
        if time.monotonic() > deadline:
            return Failed(
                "job_too_long", f"The work took over {runtime.settings.job_seconds} s; raise SDB_JOB_SECONDS."
            )
        if child.ended:
            return Died(_last_words(child))


def _reason_to_stop(beat: Heartbeat) -> str | None:
    if beat.lost.is_set():
        return "lost"
    if beat.cancelled.is_set():
        return "cancelled"
    return "shutdown" if SHUTDOWN.is_set() else None


def _log_unknown(child: Child, code: str) -> None:
    if code in ("internal", "out_of_memory"):
        log.error("a child met an error that it does not know", extra={"code": code, "stderr": child.errors})


def _last_words(child: Child) -> str:
    status = child.process.wait()
    log.error("a child died", extra={"status": status, "stderr": child.errors})
    return f"signal {-status}" if status < 0 else f"exit status {status}"
