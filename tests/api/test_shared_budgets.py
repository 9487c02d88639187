"""Budgets that several server processes share by the database."""

import asyncio
import itertools
import re
from hashlib import sha256

import pytest
from sqlalchemy import func, select

from api.predictions.budgets import SHARES, WINDOW, Budgets, Due
from api.predictions.ledger import DatabaseLedger
from sdb_service.db import Database
from sdb_service.errors import TooManyRequests
from sdb_service.secret import Secret
from sdb_service.tables import ImageBudget
from tests.api.loops import on_a_loop
from tests.api.test_budgets import Clock

KEY = Secret(b"k" * 32)


def processes(database: Database, count: int, clock: Clock) -> list[Budgets]:
    return [Budgets(DatabaseLedger(database, key=KEY), now=clock) for _ in range(count)]


def rows(database: Database) -> int:
    with database.reading() as session:
        return session.execute(select(func.count()).select_from(ImageBudget)).scalar_one()


async def taken(budgets: Budgets, due: Due, images: int, *, most: int) -> int:
    """How many requests of so many images are answered before the first that is not."""
    for number in range(most):
        try:
            await budgets.take([due], images)
        except TooManyRequests:
            return number
    return most


@pytest.mark.parametrize(("limit", "images"), [(5000, 7), (5000, 256), (120, 1), (30, 1), (7, 3)])
@on_a_loop
async def test_together_they_give_no_more_than_the_limit_and_a_share_for_each(
    database: Database, limit: int, images: int
) -> None:
    every = processes(database, 3, Clock())
    due = Due("payer", limit)

    answered = 0
    for budgets in itertools.cycle(every):  # as a balancer would send them
        try:
            await budgets.take([due], images)
        except TooManyRequests:
            break
        answered += images
    answered += images * sum([await taken(budgets, due, images, most=10_000) for budgets in every])

    assert limit - 3 * images < answered <= limit + 2 * (limit // SHARES)


@on_a_loop
async def test_one_process_alone_keeps_the_limit_to_the_image(database: Database) -> None:
    (budgets,) = processes(database, 1, Clock())

    assert await taken(budgets, Due("payer", 1000), 1, most=2000) == 1000


@on_a_loop
async def test_whoever_asks_little_costs_the_database_nothing(database: Database) -> None:
    (budgets,) = processes(database, 1, Clock())
    due = Due("payer", 5000)

    assert budgets.take_now([due], 5000 // SHARES) is not None
    assert rows(database) == 0
    assert budgets.take_now([due], 1) is None, "a look-up is needed, and this entrance never waits"
    await budgets.take([due], 1)
    assert rows(database) == 1


@on_a_loop
async def test_many_at_once_reserve_once(database: Database) -> None:
    (budgets,) = processes(database, 1, Clock())
    due = Due("payer", 5000)
    budgets.take_now([due], 100)

    await asyncio.gather(*[budgets.take([due], 1) for _ in range(90)])

    with database.reading() as session:
        assert session.execute(select(ImageBudget.reserved)).scalar_one() == 201


@on_a_loop
async def test_what_is_left_counts_what_others_have_reserved(database: Database) -> None:
    first, second = processes(database, 2, Clock())
    due = Due("payer", 1000)
    await first.take([due], 700)

    assert (await second.take([due], 100)).left <= 1000 - 700 - 100
    with pytest.raises(TooManyRequests):
        await second.take([due], 300)


@on_a_loop
async def test_a_request_that_is_refused_reserves_nothing(database: Database) -> None:
    first, second = processes(database, 2, Clock())
    due = Due("payer", 1000)
    await first.take([due], 900)
    with pytest.raises(TooManyRequests):
        await second.take([due], 256)

    assert (await second.take([due], 60)).used == 60


@on_a_loop
async def test_a_new_minute_is_a_new_budget_and_the_old_rows_go(database: Database) -> None:
    clock = Clock()
    (budgets,) = processes(database, 1, clock)
    for minute in range(5):
        clock.seconds = minute * WINDOW
        await budgets.take([Due("payer", 100)], 100)

    assert rows(database) == 2


@on_a_loop
async def test_the_database_does_not_learn_who_asks(database: Database) -> None:
    (budgets,) = processes(database, 1, Clock())
    await budgets.take([Due("203.0.113.7", 100)], 50)

    with database.reading() as session:
        payer = session.execute(select(ImageBudget.payer)).scalar_one()
    assert re.fullmatch("[0-9a-f]{64}", payer)
    assert payer not in {sha256(named).hexdigest() for named in (b"203.0.113.7", b"image budget\n203.0.113.7")}
