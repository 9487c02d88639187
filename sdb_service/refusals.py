"""How many refusals are written down: enough to see an attack, too few to fill the audit log with one."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

A_MINUTE = 10  # of one caller for one reason
OF_ALL_A_MINUTE = 300  # of everybody for one reason
_REMEMBERED = 4096  # callers and reasons


@dataclass
class _Window:
    """One minute of one caller and reason."""

    began: float
    count: int = 0
    unrecorded: int = 0


class Refusals:
    """What one process has written down of late. Each process counts its own."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str | None, str], _Window] = OrderedDict()
        self._lock = Lock()

    def note(self, who: str, code: str) -> dict[str, object] | None:
        """Count a refusal: what the row says besides, or None where no row is written."""
        with self._lock:
            own = self._current((who, code))
            own.count += 1
            if own.count > A_MINUTE + 1:
                own.unrecorded += 1
                return None
            everybody = self._current((None, code))
            everybody.count += 1
            if everybody.count > OF_ALL_A_MINUTE + 1:
                everybody.unrecorded += 1
                return None
            if own.count == A_MINUTE + 1 or everybody.count == OF_ALL_A_MINUTE + 1:
                return {"and_so_on": True}
            unrecorded = own.unrecorded + everybody.unrecorded
            own.unrecorded = everybody.unrecorded = 0
            return {"unrecorded_before": unrecorded} if unrecorded else {}

    def _current(self, name: tuple[str | None, str]) -> _Window:
        now = time.monotonic()
        window = self._windows.setdefault(name, _Window(now))
        self._windows.move_to_end(name)
        if now - window.began >= 60:
            window.began, window.count = now, 0
        if len(self._windows) > _REMEMBERED:
            self._windows.popitem(last=False)
        return window
