"""Counting images against licenses: what is asked while one transaction runs shares the next."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.predictions.holding import count
from api.predictions.known import Standing
from sdb_service.db import Database
from sdb_service.errors import ServiceError

Then = Callable[[ServiceError | None], None]


@dataclass(frozen=True, eq=False)
class _Asked:
    standing: Standing
    images: int
    then: Then


class LicenseCounts:
    """One for each event loop. A transaction costs as much as ten images of a small box, and a crowd's needs one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Asked] = []
        self._is_counting = False

    def later(self, standing: Standing, images: int, then: Then) -> None:
        """Count images; `then` is called on the event loop, with the reason where they are not counted."""
        self._waiting.append(_Asked(standing, images, then))
        if not self._is_counting:
            self._begin()

    def _begin(self) -> None:
        self._is_counting = True
        asked, self._waiting = self._waiting, []
        counting = asyncio.get_running_loop().run_in_executor(None, self._count, asked)
        counting.add_done_callback(lambda done: self._end(asked, done))

    def _end(self, asked: Sequence[_Asked], done: "asyncio.Future[list[ServiceError | None]]") -> None:
        self._is_counting = False
        if self._waiting:
            self._begin()
        broken = done.exception()
        errors = done.result() if broken is None else [_not_counted(broken)] * len(asked)
        loop = asyncio.get_running_loop()
        for one, error in zip(asked, errors, strict=True):
            loop.call_soon(one.then, error)  # one that fails must not keep the others from being told

    def _count(self, asked: Sequence[_Asked]) -> list[ServiceError | None]:
        with self._database.transaction() as session:
            return [_refused(session, one) for one in asked]


def _refused(session: Session, asked: _Asked) -> ServiceError | None:
    """Why the images are not counted; who is refused has changed nothing, so that the others' count stands."""
    try:
        count(session, asked.standing, images=asked.images)
    except ServiceError as error:
        return error
    return None


def _not_counted(error: BaseException) -> ServiceError:
    """Whatever it was, whoever waits must be told."""
    failure = ServiceError("internal", "The images could not be counted; tell the operator the request_id.")
    failure.__cause__ = error
    return failure
