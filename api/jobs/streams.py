"""Event streams open at a time: each polls the database until its job is over, so an account may hold so many."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sdb_service.errors import TooManyRequests

_RETRY_SECONDS = 5


class Streams:
    """One for each process; all happens on its event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_of(self, account_id: str) -> Iterator[None]:
        """Count a stream while it is open. Raises `TooManyRequests` where the account has too many."""
        if self._open[account_id] >= self._limit:
            raise TooManyRequests(
                "streams_limited",
                f"{self._limit} event streams of your account are open; close one, or ask for GET /v1/jobs/{{id}}.",
                retry_after=_RETRY_SECONDS,
            )
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]
