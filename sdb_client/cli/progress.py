"""How far something is, on stderr: bars on a terminal, a line for each new stage elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import ceil

import sdb_client
from sdb_client.cli.output import say

_NAMES = {
    "upload_model": "Sending the model",
    "upload_dataset": "Sending the data set",
    "check_model": "Checking the model",
    "check_dataset": "Checking the data set",
    "job": "Waiting for a worker",
}

OnEvent = Callable[["sdb_client.WrapEvent"], None]
OnCount = Callable[["sdb_client.DistillProgress"], None]
Tell = Callable[[str, float, float], None]  # what, done, total; total 0 where it is not known


@contextmanager
def watching() -> Generator[OnEvent]:
    """A listener for `Client.wrap` that draws while the block runs."""
    with _telling() as tell:
        yield _listener(tell)


@contextmanager
def counting(what: str) -> Generator[OnCount]:
    """A bar for work of a known size, with reasons above it; where stderr is no terminal, a line for each tenth."""
    if not sys.stderr.isatty():
        yield _counted_lines(what)
        return
    from rich.console import Console  # noqa: PLC0415 - drawing is slow to load
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True)) as bars:
        drawn: TaskID | None = None
        reason = ""

        def tell(now: "sdb_client.DistillProgress") -> None:
            nonlocal drawn, reason
            if drawn is None:  # what an earlier run has done says nothing of the speed
                drawn = bars.add_task("", total=now.total, completed=now.done)
            bars.update(drawn, completed=now.done, description=_waiting(now))
            if now.reason not in ("", reason):
                reason = now.reason
                bars.console.print(reason, markup=False, highlight=False, soft_wrap=True)

        yield tell


@contextmanager
def _telling() -> Generator[Tell]:
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console  # noqa: PLC0415 - drawing is slow to load
    from rich.progress import Progress, TaskID  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bars:
        known: dict[str, TaskID] = {}

        def tell(what: str, done: float, total: float) -> None:
            if what not in known:
                for earlier in known.values():
                    bars.update(earlier, total=1, completed=1)
                known[what] = bars.add_task(what, total=None)
            bars.update(known[what], completed=done, total=total or None)

        yield tell


def _listener(tell: Tell) -> OnEvent:
    def on_event(told: "sdb_client.WrapEvent") -> None:
        if told.event is None:
            tell(_NAMES.get(told.stage, told.stage), told.done, told.total)
        elif told.event.kind == "progress":
            data = told.event.data
            tell(str(data.get("stage", "working")), float(data.get("done", 0)), float(data.get("total", 0)))

    return on_event


def _lines() -> Tell:
    last = ""

    def tell(what: str, _done: float, _total: float) -> None:
        nonlocal last
        if what != last:
            last = what
            say(f"{what} ...")

    return tell


def _counted_lines(what: str) -> OnCount:
    told, tenth = "", -1

    def tell(now: "sdb_client.DistillProgress") -> None:
        nonlocal told, tenth
        if 10 * now.done // now.total > tenth:
            tenth = 10 * now.done // now.total
            say(f"{what}: {now.done:,} of {now.total:,}")
        if now.reason and not told:
            say(": ".join(part for part in (what, _waiting(now), now.reason) if part))
        told = now.reason

    return tell


def _waiting(now: "sdb_client.DistillProgress") -> str:
    return f"waiting {ceil(now.waits)} s" if now.waits else ""
