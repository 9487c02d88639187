"""Budgets of images: so many a minute for each address, account or license, whatever requests they come in."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sdb_service.errors import TooManyRequests

WINDOW = 60  # seconds


@dataclass(slots=True)
class Budget:
    """What one payer has used in the running minute."""

    limit: int
    window: int
    used: int = 0

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

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


class Budgets:
    """Counts images by payer in fixed windows of a minute, in this process."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._budgets: dict[str, Budget] = {}
        self._swept = 0

    def take(self, payer: str, *, limit: int, images: int) -> Budget:
        """Take images from a payer's budget.

        Raises:
            TooManyRequests: fewer are left; nothing was taken. `retry_after` is when the next minute begins.
        """
        now = self._now()
        budget = self._budget(payer, limit, int(now // WINDOW))
        if budget.used + images > limit:
            wait = max(1, int(budget.reset - now) + 1)
            raise TooManyRequests(
                "image_budget_spent",
                f"{budget.left} of {limit} images a minute are left and {images} were asked for; wait {wait} s.",
                retry_after=wait,
            )
        budget.used += images
        return budget

    def require(self, payer: str, *, limit: int) -> None:
        """Refuse whoever has nothing left, before anything is done for them.

        Raises:
            TooManyRequests: nothing is left until the next minute.
        """
        now = self._now()
        budget = self._budget(payer, limit, int(now // WINDOW))
        if budget.left == 0:
            wait = max(1, int(budget.reset - now) + 1)
            raise TooManyRequests(
                "failures_limited",
                f"{limit} of your requests came to nothing in this minute; correct them and wait {wait} s.",
                retry_after=wait,
            )

    def _budget(self, payer: str, limit: int, window: int) -> Budget:
        if window != self._swept:
            self._budgets = {name: budget for name, budget in self._budgets.items() if budget.window == window}
            self._swept = window
        budget = self._budgets.get(payer)
        if budget is None or budget.window != window:
            budget = self._budgets[payer] = Budget(limit, window)
        return budget
