"""What a request costs whom: images from the budgets of a minute, and from what a license allows in all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from api.predictions.budgets import Budget, Budgets, Due
from api.predictions.counting import LicenseCounts, Then
from api.predictions.known import Standing
from api.predictions.ledger import DatabaseLedger
from api.predictions.tickets import Head, Ticket
from sdb_service.errors import ServiceError, TooManyRequests, Unavailable
from sdb_service.runtime import Runtime


class Charges:
    """One for each process. All but counting against licenses happens on its event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._images = Budgets(DatabaseLedger(runtime.database, key=runtime.token_key))
        self._failures = Budgets()
        self._licenses: tuple[asyncio.AbstractEventLoop, LicenseCounts] | None = None

    @contextmanager
    def counting_failures(self, address: str) -> Iterator[None]:
        """Requests that come to nothing have a budget too: each costs look-ups that nobody's images pay for.

        Raises:
            TooManyRequests: so many from this address failed in this minute that no more are looked at.
        """
        due = Due(address, self._settings.requests_per_minute)
        self._failures.require(due)
        try:
            yield
        except (TooManyRequests, Unavailable):
            raise
        except ServiceError:
            self._failures.spend(due)
            raise

    def dues(self, head: Head, standing: Standing) -> tuple[Due, ...]:
        """The budgets that a request's images come from: the caller's, and what the owner has set beside it."""
        settings, caller = self._settings, standing.caller
        if caller is None:
            own = Due(head.address, settings.public_images_per_minute)
        else:
            own = Due(caller.account_id, settings.images_per_minute)
        if head.kind == "distill" and standing.images_per_minute is not None:
            return own, Due(standing.licenses[0].id, standing.images_per_minute)
        box = standing.box
        if head.kind == "distill" or standing.is_owner or box.images_per_minute is None:
            return (own,)
        return own, Due(f"{own.payer} at {box.id}", box.images_per_minute)

    def take_now(self, ticket: Ticket, images: int) -> Budget | None:
        """Take images from the budgets where that needs no look-up; None leaves it to `take`."""
        return self._images.take_now(ticket.dues, images)

    async def take(self, ticket: Ticket, images: int) -> Budget:
        """Take images from the budgets. Raises `TooManyRequests` where one of them does not suffice."""
        return await self._images.take(ticket.dues, images)

    async def count(self, ticket: Ticket, images: int) -> None:
        """Count images against the license under which they are asked, if any: no answer is given uncounted.

        Raises:
            Forbidden: there are not so many left.
        """
        if ticket.kind == "distill":
            counting: asyncio.Future[ServiceError | None] = asyncio.get_running_loop().create_future()

            def counted(error: ServiceError | None) -> None:
                if not counting.done():  # whoever asked may have gone
                    counting.set_result(error)

            self.count_later(ticket.standing, images, counted)
            if (refused := await counting) is not None:
                raise refused

    def count_later(self, standing: Standing, images: int, then: Then) -> None:
        """As `count` under a license, without waiting; `then` is called on the event loop."""
        loop = asyncio.get_running_loop()
        if self._licenses is None or self._licenses[0] is not loop:
            self._licenses = loop, LicenseCounts(self._runtime.database)
        self._licenses[1].later(standing, images, then)
