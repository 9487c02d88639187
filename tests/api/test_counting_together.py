"""Images that several ask for at the same time are counted in few transactions, and each asker's on their own terms."""

import asyncio
import threading

import pytest

from api.predictions.counting import LicenseCounts
from api.predictions.holding import licensed_standing
from api.predictions.known import Standing
from sdb_service import identity
from sdb_service.errors import ServiceError
from tests.api.loops import on_a_loop
from tests.api.seeding import House, Person


def standing_of(house: House, customer: Person, box: str) -> Standing:
    text = customer.headers["Authorization"].removeprefix("Bearer ")
    with house.runtime.database.reading() as session:
        caller = identity.caller_of_token(session, text, key=house.runtime.token_key)
        return licensed_standing(session, caller, box, runtime=house.runtime)


@on_a_loop
async def test_who_asks_while_others_are_counted_shares_the_next_transaction_and_is_refused_alone(
    house: House, provider: Person, customer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted", max_predictions=100)
    standing = standing_of(house, customer, box)
    counts, first, transactions = LicenseCounts(house.runtime.database), threading.Event(), []
    count_all = counts._count

    def slow(asked):
        transactions.append(len(asked))
        assert first.wait(10)
        return count_all(asked)

    monkeypatch.setattr(counts, "_count", slow)

    waiting = [asyncio.get_running_loop().create_future() for _ in range(6)]
    for future, images in zip(waiting, (10, 20, 90, 30, 40, 1), strict=True):
        counts.later(standing, images, future.set_result)
    first.set()
    errors = await asyncio.gather(*waiting)

    assert transactions == [1, 5]
    assert [error and error.code for error in errors] == [
        None,
        None,
        "license_predictions_used_up",
        None,
        None,
        "license_predictions_used_up",
    ]
    assert house.get(customer, f"/v1/licenses/{held}").json()["predictions"] == 100


@on_a_loop
async def test_one_who_cannot_be_told_keeps_nobody_from_being_told(
    house: House, provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")
    standing = standing_of(house, customer, box)
    counts = LicenseCounts(house.runtime.database)

    def deaf(_: ServiceError | None) -> None:
        raise RuntimeError("gone")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    waiting: asyncio.Future[ServiceError | None] = loop.create_future()
    for then in (lambda _: None, deaf, waiting.set_result):
        counts.later(standing, 1, then)

    assert await asyncio.wait_for(waiting, 10) is None
