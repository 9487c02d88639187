"""Budgets of images: so many a minute for each payer, and nothing is taken from one that does not suffice."""

import gc

import pytest

from api.predictions.budgets import WINDOW, Budget, Budgets
from sdb_service.errors import TooManyRequests

MINUTE = 29_000_000  # of Unix time


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


def test_images_are_counted_and_not_requests(budgets: Budgets) -> None:
    lefts = [budgets.take("payer", limit=100, images=images).left for images in (1, 60, 39)]

    assert lefts == [99, 39, 0]
    with pytest.raises(TooManyRequests) as caught:
        budgets.take("payer", limit=100, images=1)
    assert caught.value.code == "image_budget_spent"


def test_a_request_over_the_limit_takes_nothing(budgets: Budgets) -> None:
    budgets.take("payer", limit=100, images=90)

    with pytest.raises(TooManyRequests, match="10 of 100 images a minute are left and 11 were asked for"):
        budgets.take("payer", limit=100, images=11)

    assert budgets.take("payer", limit=100, images=10).left == 0


def test_more_images_than_a_whole_budget_are_refused_from_the_first(budgets: Budgets) -> None:
    with pytest.raises(TooManyRequests):
        budgets.take("payer", limit=100, images=101)

    assert budgets.take("payer", limit=100, images=100).used == 100


@pytest.mark.parametrize("second", [0.0, 0.25, 30.5, 59.0, 59.999])
def test_whoever_waits_as_told_is_answered_in_the_next_minute(budgets: Budgets, clock: Clock, second: float) -> None:
    clock.seconds = second
    budgets.take("payer", limit=1, images=1)
    with pytest.raises(TooManyRequests) as caught:
        budgets.take("payer", limit=1, images=1)
    wait = caught.value.retry_after

    assert 0 <= second + wait - WINDOW <= 1
    assert wait >= 1
    assert f"wait {wait} s" in caught.value.detail
    clock.seconds += wait
    assert budgets.take("payer", limit=1, images=1).left == 0


def test_each_payer_has_their_own_budget(budgets: Budgets) -> None:
    budgets.take("first", limit=10, images=10)

    assert budgets.take("second", limit=20, images=5).left == 15
    with pytest.raises(TooManyRequests):
        budgets.take("first", limit=10, images=1)
    assert budgets.take("second", limit=20, images=15).left == 0


def test_a_budget_lasts_to_the_end_of_its_minute_and_the_next_is_fresh(budgets: Budgets, clock: Clock) -> None:
    budgets.take("payer", limit=10, images=8)
    clock.seconds = 59.999
    assert budgets.take("payer", limit=10, images=1).used == 9

    clock.seconds = 60.0
    assert budgets.take("payer", limit=10, images=3).used == 3


def test_budgets_of_past_minutes_are_forgotten(budgets: Budgets, clock: Clock) -> None:
    def remembered() -> int:
        return sum(type(one) is Budget and one.limit == 12_345 for one in gc.get_objects())

    for payer in range(50):
        budgets.take(f"address {payer}", limit=12_345, images=1)
    assert remembered() == 50

    clock.seconds = 60.0
    budgets.take("another", limit=12_345, images=1)

    assert remembered() == 1


def test_the_headers_tell_the_limit_what_is_left_and_when_the_next_minute_begins(
    budgets: Budgets, clock: Clock
) -> None:
    clock.seconds = 12.5

    headers = budgets.take("payer", limit=100, images=30).headers

    assert headers == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "70",
        "X-RateLimit-Reset": str((MINUTE + 1) * 60),
    }


def test_headers_never_promise_less_than_nothing() -> None:
    assert Budget(limit=10, window=MINUTE, used=11).headers["X-RateLimit-Remaining"] == "0"
