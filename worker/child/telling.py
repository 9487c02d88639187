"""How the child talks: JSON lines, no more often than people can read."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.protocol import CHECKPOINT, METRICS, PROGRESS

_PAUSE_SECONDS = 0.3
_LONGEST_PAUSE = {PROGRESS: 5.0, METRICS: 600.0}
_LINES_AT_ONE_PACE = 300  # then the pause grows with the time passed: a day of training tells some 2,000 points


class Teller:
    """Says what happens on a descriptor of its own; what libraries print goes to standard error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        os.dup2(2, descriptor)
        self._lock = threading.Lock()

    def say(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        with self._lock, os.fdopen(os.dup(self._descriptor), "wb") as stream:
            stream.write(line)


class Listening:
    """The method's observer: progress and metrics thinned, checkpoints told by name."""

    def __init__(self, teller: Teller, state: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._teller = teller
        self._state = state
        self._first: dict[tuple[str, str], float] = {}
        self._last: dict[tuple[str, str], float] = {}

    def progress(self, stage: str, done: int, total: int) -> None:
        if self._due(PROGRESS, stage, last=done == total):
            self._teller.say(PROGRESS, stage=stage, done=done, total=total)

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        if self._due(METRICS, stage):
            rounded = {name: float(f"{value:.5g}") for name, value in values.items()}
            self._teller.say(METRICS, stage=stage, step=step, values=rounded)

    def checkpoint(self, path: Path) -> None:
        if path.parent == self._state:
            self._teller.say(CHECKPOINT, file=path.name)

    def should_stop(self) -> bool:
        """Never by itself: the supervisor ends the whole process."""
        return False

    def _due(self, event: str, stage: str, *, last: bool = False) -> bool:
        now, key = self._clock(), (event, stage)
        pause = (now - self._first.setdefault(key, now)) / _LINES_AT_ONE_PACE
        pause = min(max(pause, _PAUSE_SECONDS), _LONGEST_PAUSE[event])
        if not last and key in self._last and now - self._last[key] < pause:
            return False
        self._last[key] = now
        return True
