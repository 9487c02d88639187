"""Budgets of images: so many a minute for each payer, and nothing is taken from one that does not suffice."""

import gc

import pytest

from api.predictions.budgets import WINDOW, Budget, Budgets, Due
from sdb_service.errors import TooManyRequests
from tests.api.loops import on_a_loop

MINUTE = 29_000_000  # of Unix time
HUNDRED = Due("payer", 100)


class Clock:
    """Seconds of Unix time since the beginning of MINUTE."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return MINUTE * WINDOW + self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(clock: Clock) -> Budgets:
    return Budgets(now=clock)


async def refused(budgets: Budgets, *dues: Due, images: int) -> TooManyRequests:
    assert budgets.take_now(dues, images) is None
    with pytest.raises(TooManyRequests) as caught:
        await budgets.take(dues, images)
    return caught.value


@on_a_loop
async def test_images_are_counted_and_not_requests(budgets: Budgets) -> None:
    lefts = [(await budgets.take([HUNDRED], images)).left for images in (1, 60, 39)]

    assert lefts == [99, 39, 0]
    assert (await refused(budgets, HUNDRED, images=1)).code == "image_budget_spent"


@on_a_loop
async def test_a_request_over_the_limit_takes_nothing(budgets: Budgets) -> None:
    await budgets.take([HUNDRED], 90)

    error = await refused(budgets, HUNDRED, images=11)

    assert "10 of 100 images a minute are left and 11 were asked for" in error.detail
    assert (await budgets.take([HUNDRED], 10)).left == 0


@on_a_loop
async def test_more_images_than_a_whole_budget_are_refused_from_the_first(budgets: Budgets) -> None:
    await refused(budgets, HUNDRED, images=101)

    assert (await budgets.take([HUNDRED], 100)).used == 100


@pytest.mark.parametrize("second", [0.0, 0.25, 30.5, 59.0, 59.999])
@on_a_loop
async def test_whoever_waits_as_told_is_answered_in_the_next_minute(
    budgets: Budgets, clock: Clock, second: float
) -> None:
    clock.seconds, due = second, Due("payer", 1)
    await budgets.take([due], 1)

    error = await refused(budgets, due, images=1)

    wait = error.retry_after
    assert 0 <= second + wait - WINDOW <= 1
    assert wait >= 1
    assert f"wait {wait} s" in error.detail
    clock.seconds += wait
    assert (await budgets.take([due], 1)).left == 0


@on_a_loop
async def test_each_payer_has_their_own_budget(budgets: Budgets) -> None:
    first, second = Due("first", 10), Due("second", 20)
    await budgets.take([first], 10)

    assert (await budgets.take([second], 5)).left == 15
    await refused(budgets, first, images=1)
    assert (await budgets.take([second], 15)).left == 0


@on_a_loop
async def test_of_two_budgets_both_must_suffice_and_the_tighter_is_told(budgets: Budgets) -> None:
    own, box = Due("caller", 100), Due("caller at box", 10)

    assert (await budgets.take([own, box], 8)).left == 2
    await refused(budgets, own, box, images=3)
    assert (await budgets.take([own], 90)).left == 2, "a refused request took nothing from the first"
    assert (await budgets.take([own, box], 2)).left == 0


@on_a_loop
async def test_a_budget_lasts_to_the_end_of_its_minute_and_the_next_is_fresh(budgets: Budgets, clock: Clock) -> None:
    due = Due("payer", 10)
    await budgets.take([due], 8)
    clock.seconds = 59.999
    assert (await budgets.take([due], 1)).used == 9

    clock.seconds = 60.0
    assert (await budgets.take([due], 3)).used == 3


@on_a_loop
async def test_a_limit_that_changes_within_the_minute_forgets_nothing(budgets: Budgets) -> None:
    await budgets.take([HUNDRED], 50)

    assert (await budgets.take([Due("payer", 60)], 5)).left == 5
    await refused(budgets, Due("payer", 60), images=6)


@on_a_loop
async def test_budgets_of_past_minutes_are_forgotten(budgets: Budgets, clock: Clock) -> None:
    def remembered() -> int:
        return sum(type(one) is Budget and one.limit == 12_345 for one in gc.get_objects())

    for payer in range(50):
        await budgets.take([Due(f"address {payer}", 12_345)], 1)
    assert remembered() == 50

    clock.seconds = 60.0
    await budgets.take([Due("another", 12_345)], 1)

    assert remembered() == 1


@on_a_loop
async def test_the_headers_tell_the_limit_what_is_left_and_when_the_next_minute_begins(
    budgets: Budgets, clock: Clock
) -> None:
    clock.seconds = 12.5

    headers = (await budgets.take([HUNDRED], 30)).headers

    assert headers == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "70",
        "X-RateLimit-Reset": str((MINUTE + 1) * 60),
    }


def test_headers_never_promise_less_than_nothing() -> None:
    assert Budget(limit=10, window=MINUTE, used=11).headers["X-RateLimit-Remaining"] == "0"


def test_failures_are_refused_once_so_many_came_to_nothing(budgets: Budgets, clock: Clock) -> None:
    due = Due("address", 3)
    for _ in range(3):
        budgets.require(due)
        budgets.spend(due)

    with pytest.raises(TooManyRequests, match="3 of your requests came to nothing in this minute"):
        budgets.require(due)
    clock.seconds = 60.0
    budgets.require(due)
