"""Budgets of images in the database, where all server processes reserve from them."""

import hmac

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.predictions.budgets import Due
from sdb_service.db import Database
from sdb_service.secret import Secret
from sdb_service.tables import ImageBudget


class DatabaseLedger:
    """A row for each payer and minute. Payers may be addresses of people: what is kept of them is a keyed hash."""

    def __init__(self, database: Database, *, key: Secret) -> None:
        self._database = database
        self._key = key
        self._swept = 0

    async def reserve(self, due: Due, *, window: int, least: int, most: int) -> tuple[int, int]:
        """See `api.predictions.budgets.Ledger`."""
        return await run_in_threadpool(self._reserve, due, window, least, most)

    def _reserve(self, due: Due, window: int, least: int, most: int) -> tuple[int, int]:
        payer = hmac.new(self._key.reveal(), f"image budget\n{due.payer}".encode(), "sha256").hexdigest()
        with self._database.transaction() as session:
            row = _locked_row(session, payer, window)
            left = max(0, due.limit - row.reserved)
            got = min(most, left) if least <= left else 0
            row.reserved += got
            if window != self._swept:
                self._swept = window
                session.execute(delete(ImageBudget).where(ImageBudget.window < window - 1))
            return got, row.reserved


def _locked_row(session: Session, payer: str, window: int) -> ImageBudget:
    key = {"payer": payer, "window": window}
    found = session.get(ImageBudget, key, with_for_update=True)
    if found is not None:
        return found
    fresh = ImageBudget(**key, reserved=0)
    try:
        with session.begin_nested():
            session.add(fresh)
    except IntegrityError:  # another process was first
        return session.get_one(ImageBudget, key, with_for_update=True)
    return fresh
