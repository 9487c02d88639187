"""Who asks and what they may ask, remembered for at most a second, so that what is taken back ends at once."""

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")

SECONDS = 1.0
_MOST_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    until: float


class SingleFlight(Generic[T]):
    """Slow questions by their key: however many ask the same at the same time, it is answered once."""

    def __init__(self) -> None:
        self._asked: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What `ask` answers from a thread. Raises what it raises."""
        waiting = self._asked.get(key)
        if waiting is None or waiting.get_loop() is not asyncio.get_running_loop():
            waiting = self._asked[key] = asyncio.ensure_future(run_in_threadpool(ask))
            waiting.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(waiting)  # who goes away must not take the answer from the others

    def forget(self) -> None:
        """Whoever asks from now on gets a fresh answer; safe from any thread."""
        self._asked.clear()

    def _settle(self, key: Hashable, done: asyncio.Future[T]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # with nobody left who waits it must not be logged as lost


class Lookups(Generic[T]):
    """Answers of slow questions by their key, each asked once however many wait for it.

    Only good answers are kept: whoever is refused is asked about again the next time. `forget` is called after every
    commit of this process; other processes notice within `SECONDS`.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._entries: dict[Hashable, _Entry[T]] = {}
        self._flight = SingleFlight[_Entry[T]]()
        self._refreshing: dict[Hashable, _Entry[T]] = {}
        self._generation = 0
        self._sweep: asyncio.TimerHandle | None = None

    def peek(self, key: Hashable, ask: Callable[[], T]) -> tuple[T, float] | None:
        """What is known now, and until when, without waiting. What will soon be too old is asked again meanwhile."""
        found = self._entries.get(key)
        if found is None:
            return None
        left = found.until - self._now()
        if left < SECONDS / 2 and found is not self._refreshing.get(key):
            self._refreshing[key] = found
            asyncio.ensure_future(self._refresh(key, ask)).add_done_callback(lambda _: self._refreshing.pop(key, None))
        return (found.value, found.until) if left > 0 else None

    async def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What is known, or what `ask` answers from a thread. Raises what `ask` raises."""
        if (known := self.peek(key, ask)) is not None:
            return known[0]
        return await self._ask(key, ask)

    async def _refresh(self, key: Hashable, ask: Callable[[], T]) -> None:
        with suppress(Exception):  # whoever asks next is told why
            await self._ask(key, ask)

    async def _ask(self, key: Hashable, ask: Callable[[], T]) -> T:
        generation, until = self._generation, self._now() + SECONDS  # the second begins before the reading
        entry = await self._flight.get(key, lambda: _Entry(ask(), until))
        if generation == self._generation:
            if len(self._entries) >= _MOST_ENTRIES:
                self._entries.clear()
            self._entries[key] = entry
            if generation != self._generation:  # another thread has just called `forget`
                self._entries.pop(key, None)
            self._sweep_later()
        return entry.value

    def forget(self) -> None:
        """Drop everything, also what is being asked right now; safe from any thread."""
        self._flight.forget()  # first: who comes now must not join a reading that began before
        self._generation += 1
        self._entries.clear()

    def _sweep_later(self) -> None:
        # Nothing stays in memory past its time, least of all a key; and with nothing kept no timer runs.
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SECONDS, self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweep = None
        now = self._now()
        for key in [key for key, entry in self._entries.items() if entry.until <= now]:
            self._entries.pop(key, None)
        if self._entries:
            self._sweep_later()
