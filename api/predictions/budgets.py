"""Budgets of images: so many a minute for each address, account, license or box, whatever requests they come in.

Several processes share a budget by a ledger. Each takes a share of it at a time, so that most requests cost no
look-up. The first share of a minute is taken on trust, and entered when a second is needed: whoever asks little is
never entered at all, and whoever asks much gets up to one share more than the limit for each process but one.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sdb_service.errors import TooManyRequests

WINDOW = 60  # seconds
SHARES = 50  # that a minute's budget is taken in


@dataclass(frozen=True, slots=True)
class Due:
    """One budget that a request's images are taken from."""

    payer: str
    limit: int  # images a minute


class Ledger(Protocol):
    """What all processes together have reserved."""

    async def reserve(self, due: Due, *, window: int, least: int, most: int) -> tuple[int, int]:
        """Reserve `most` images, or as many as are left, but not fewer than `least`: how many these are, or 0.

        The second number is what all have reserved then.
        """
        ...


@dataclass(slots=True)
class Budget:
    """What one payer has used in the running minute, here and, as far as known, in other processes."""

    limit: int
    window: int
    used: int = 0  # here
    reserved: int = 0  # for this process, in the ledger
    elsewhere: int = 0  # reserved for others, when the ledger was last asked
    share: int = 0  # that is taken on trust
    reserving: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def left(self) -> int:
        return max(0, self.limit - self.elsewhere - self.used)

    @property
    def headers(self) -> dict[str, str]:
        """The rate-limit headers of an answer, in images."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.left),
            "X-RateLimit-Reset": str(self.reset),
        }

    @property
    def reset(self) -> int:
        """Unix time at which the next minute begins."""
        return (self.window + 1) * WINDOW

    def has_room(self, images: int) -> bool:
        """Whether this process may give so many without asking the ledger."""
        used = self.used + images
        return used <= self.share or used <= self.reserved


class Budgets:
    """Counts images by payer in fixed windows of a minute; without a ledger, for this process alone."""

    def __init__(self, ledger: Ledger | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._budgets: dict[str, Budget] = {}
        self._swept = 0

    def take_now(self, dues: Sequence[Due], images: int) -> Budget | None:
        """Take images from all these budgets, if that needs no look-up: the tightest of them, or None."""
        window = int(self._now() // WINDOW)
        if len(dues) == 1:  # nearly always
            budget = self._budget(dues[0], window)
            if not budget.has_room(images):
                return None
            budget.used += images
            return budget
        budgets = [self._budget(due, window) for due in dues]
        if not all(budget.has_room(images) for budget in budgets):
            return None
        for budget in budgets:
            budget.used += images
        return min(budgets, key=lambda budget: budget.left)

    async def take(self, dues: Sequence[Due], images: int) -> Budget:
        """Take images from all these budgets; the tightest of them.

        Raises:
            TooManyRequests: one has fewer left; nothing was taken. `retry_after` is when the next minute begins.
        """
        while (found := self.take_now(dues, images)) is None:
            for due in dues:
                await self._make_room(due, images)
        return found

    def spend(self, due: Due) -> None:
        """Take one, if there is one."""
        self._budget(due, int(self._now() // WINDOW)).used += 1

    def require(self, due: Due) -> None:
        """Refuse whoever has nothing left, before anything is done for them.

        Raises:
            TooManyRequests: nothing is left until the next minute.
        """
        now = self._now()
        budget = self._budget(due, int(now // WINDOW))
        if budget.left == 0:
            wait = _wait(budget, now)
            raise TooManyRequests(
                "failures_limited",
                f"{due.limit} of your requests came to nothing in this minute; correct them and wait {wait} s.",
                retry_after=wait,
            )

    async def _make_room(self, due: Due, images: int) -> None:
        budget = self._budget(due, int(self._now() // WINDOW))
        if budget.has_room(images):
            return
        async with budget.reserving:
            if not budget.has_room(images) and self._ledger is not None and images <= due.limit:
                least = budget.used + images - budget.reserved
                most = least + budget.share
                got, total = await self._ledger.reserve(due, window=budget.window, least=least, most=most)
                budget.reserved += got
                budget.elsewhere = max(0, total - budget.reserved)
        if not budget.has_room(images):
            wait = _wait(budget, self._now())
            raise TooManyRequests(
                "image_budget_spent",
                f"{budget.left} of {due.limit} images a minute are left and {images} were asked for; wait {wait} s.",
                retry_after=wait,
            )

    def _budget(self, due: Due, window: int) -> Budget:
        if window != self._swept:
            self._budgets = {name: budget for name, budget in self._budgets.items() if budget.window == window}
            self._swept = window
        budget = self._budgets.get(due.payer)
        if budget is None or budget.limit != due.limit:
            share = due.limit if self._ledger is None else due.limit // SHARES
            fresh = Budget(due.limit, window, share=share)
            if budget is not None:  # the limit has changed within the minute
                fresh.used, fresh.reserved, fresh.elsewhere = budget.used, budget.reserved, budget.elsewhere
            budget = self._budgets[due.payer] = fresh
        return budget


def _wait(budget: Budget, now: float) -> int:
    return max(1, int(budget.reset - now) + 1)
