"""Waiting for the service: asking again at growing pauses."""

import time
from collections.abc import Callable
from typing import TypeVar

from sdb_client.errors import TimedOut

State = TypeVar("State")

_FIRST_PAUSE = 0.2  # seconds
_LONGEST_PAUSE = 2.0


def wait_until(
    ask: Callable[[], State],
    is_over: Callable[[State], bool],
    *,
    what: str,
    timeout: float | None,
    sleep: Callable[[float], None],
) -> State:
    """Ask until `is_over` of the answer, for `timeout` seconds at most; None waits as long as it takes.

    Raises:
        TimedOut: the time is up; `what` names in the message what was waited for.
    """
    end = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while not is_over(found := ask()):
        if end is not None and time.monotonic() + pause > end:
            raise TimedOut(f"{what} is not over after {timeout:g} s; it goes on in the service, so wait again.")
        sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return found
