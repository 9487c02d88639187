"""How often somebody may try before a password or a code is even looked at.

A window slides: each attempt counts for five minutes and then no more, so nobody is locked out for good. An address
alone cannot use up a name's attempts, and a device that once signed in has attempts of its own, which strangers cannot
use up. Refused attempts are not counted.
"""

import logging
import time
from dataclasses import dataclass
from threading import Lock

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from sdb_service.errors import TooManyRequests
from sdb_service.networks import network_of
from sdb_service.settings import Settings

log = logging.getLogger(__name__)

_CODES_A_DAY = 40
_RECORDED = 100


@dataclass(frozen=True)
class Budget:
    """So many attempts in a window, for whom."""

    item: RateLimitItem
    who: str


class Attempts:
    """Counts in Redis where the broker is, so that all replicas count together; else in this process."""

    def __init__(self, settings: Settings) -> None:
        most, window = settings.sign_in_attempts, settings.sign_in_window_seconds
        self._usual = RateLimitItemPerSecond(most, window, namespace="sdb-sign-in")
        self._half = RateLimitItemPerSecond(max(1, most // 2), window, namespace="sdb-sign-in-half")
        self._daily = RateLimitItemPerDay(_CODES_A_DAY, 1, namespace="sdb-sign-in-day")
        self._recorded = RateLimitItemPerSecond(_RECORDED, window, namespace="sdb-sign-in-recorded")
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._one_at_a_time = Lock()  # the store in memory drops its own locks while others wait for them
        self._limiter = self._here
        if settings.broker_url.startswith(("redis://", "rediss://")):
            self._limiter = MovingWindowRateLimiter(storage_from_string(settings.broker_url, wrap_exceptions=True))

    def require_sign_in(self, name: str, *, address: str | None, device: str | None) -> None:
        """One attempt at the password of `name`, a digest. `device` is known to have signed in by this name before.

        Raises:
            TooManyRequests: as many as are looked at were made.
        """
        if device is not None:
            self._require(Budget(self._usual, f"device:{device}"))
            return
        network = network_of(address)
        self._require(
            Budget(self._half, f"pair:{network}:{name}"),
            Budget(self._usual, f"address:{network}"),
            Budget(self._usual, f"name:{name}"),
        )

    def require_code(self, user_id: str, *, device: str | None) -> None:
        """One attempt at a second step, by somebody who knows the password. Raises `TooManyRequests`."""
        who = f"code:{user_id}:{device or ''}"
        self._require(Budget(self._half, who), Budget(self._daily, who))

    def require_own(self, user_id: str) -> None:
        """One attempt at their own password, by somebody signed in. Raises `TooManyRequests`."""
        self._require(Budget(self._usual, f"own:{user_id}"))

    def require_link(self, address: str | None) -> None:
        """One attempt to choose a password by a link. Raises `TooManyRequests`."""
        self._require(Budget(self._usual, f"link:{network_of(address)}"))

    def may_be_recorded(self) -> bool:
        """Whether one more refusal goes into the audit log, which strangers must not be able to fill."""
        return self._takes(Budget(self._recorded, "all"))

    def _require(self, *budgets: Budget) -> None:
        for budget in budgets:
            if not self._takes(budget):
                wait = max(1, int(self._until(budget) - time.time()) + 1)
                raise TooManyRequests(
                    "sign_in_limited",
                    f"Too many attempts; wait {wait} s, or sign in with a device that you have signed in with before.",
                    retry_after=wait,
                )

    def _takes(self, budget: Budget) -> bool:
        if self._limiter is not self._here:
            try:
                return self._limiter.hit(budget.item, budget.who)
            except StorageError:
                log.warning("sign-ins are counted in this process alone: the store of the counters does not answer")
        with self._one_at_a_time:
            return self._here.hit(budget.item, budget.who)

    def _until(self, budget: Budget) -> float:
        try:
            return self._limiter.get_window_stats(budget.item, budget.who).reset_time
        except StorageError:
            return self._here.get_window_stats(budget.item, budget.who).reset_time
