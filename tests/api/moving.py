"""A clock that stands still until it is told to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from sdb_service import clock


class MovingClock:
    """The service's time; it begins now."""

    def __init__(self) -> None:
        self.now = clock.now()

    def go_on(self, by: timedelta) -> None:
        self.now += by

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def moving_clock() -> Iterator[MovingClock]:
    """The service reads this clock in the place of its own until the block ends."""
    with pytest.MonkeyPatch.context() as changed:
        moving = MovingClock()
        changed.setattr(clock, "now", moving)
        yield moving
