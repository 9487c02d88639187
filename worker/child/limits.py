"""Limits that the child puts on itself before it opens anything: it cannot raise them again."""

import ctypes
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when the supervisor dies, so that no orphan trains on."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_resources(limits: dict[str, Any]) -> None:
    """Memory, processor time, size of a file, no core dumps (they would hold the key)."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(limits["cpu_seconds"]))
    _limit(resource.RLIMIT_FSIZE, int(limits["file_bytes"]))
    if limits["device"] == "cpu":
        # CUDA reserves address space far beyond what it uses, so this limit fits CPU work alone.
        _limit(resource.RLIMIT_AS, int(limits["memory_bytes"]))


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (wanted, wanted))
