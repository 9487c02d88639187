"""How far the work is, how long it will take, and when it must stop."""

import signal
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.paper_tables.digests import Training
from bench.paper_tables.ledger import Record

_BEAT = 60.0


class Watch:
    """An observer that prints plain lines; it asks to stop when the hours are over or the process is told to end."""

    def __init__(self, *, hours: float = 0.0, say: Callable[[str], None] = print) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + 3600 * hours if hours else float("inf")
        self.say, self.told_to_end, self.spoke = say, False, self.started
        self.left: dict[str, Training] = {}
        self.planned = 0
        self.seconds: dict[str, list[float]] = {}

    def obey_signals(self) -> None:
        """Ctrl-C and SIGTERM end the run cleanly: its state is saved."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def plan(self, trainings: Iterable[Training], *, finished: dict[str, Record]) -> None:
        """What is wanted in all, and what of it is there."""
        wanted = {training.digest: training for training in trainings}
        self.planned = len(wanted)
        self.left = {digest: training for digest, training in wanted.items() if digest not in finished}
        for record in finished.values():
            self.seconds.setdefault(record.kind, []).append(record.seconds)

    def done(self, digest: str, record: Record) -> None:
        """A training is finished."""
        self.left.pop(digest, None)
        self.seconds.setdefault(record.kind, []).append(record.seconds)
        value = "-" if record.value is None else f"{record.value:.1f}"
        outcome = "" if record.outcome == "sound" else f" ({record.outcome})"
        place = f"[{self.planned - len(self.left)}/{self.planned}]"
        self.say(f"{place} {record.kind}: {value}{outcome}, {record.seconds:.0f} s; {self.remaining()}")
        self.spoke = time.monotonic()

    def remaining(self) -> str:
        """The time left in words: what is left costs what its like cost."""
        if not self.left:
            return "nothing left to train"
        seconds = sum(self._expected(training.kind) for training in self.left.values())
        return f"about {spell(seconds)} left"

    def progress(self, stage: str, done: int, total: int) -> None:
        """A line a minute."""
        if time.monotonic() - self.spoke > _BEAT:
            self.spoke = time.monotonic()
            self.say(f"    {stage}: step {done} of {total}")

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def checkpoint(self, path: Path) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        """Whether the time is up."""
        return self.told_to_end or time.monotonic() > self.deadline

    def _expected(self, kind: str) -> float:
        sort = kind.partition(" ")[0]
        alike = [value for name, values in self.seconds.items() if name.startswith(sort) for value in values]
        every = [value for values in self.seconds.values() for value in values]
        return statistics.mean(self.seconds.get(kind) or alike or every or [0.0])

    def _end(self, number: int, frame: object) -> None:  # noqa: ARG002 - the shape of a signal handler
        self.told_to_end = True
        self.say("stopping: the state is being saved")


def spell(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
