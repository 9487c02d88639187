"""Lookups: asked once, known for a second, never kept against a `forget`."""

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from api.predictions import lookups
from api.predictions.lookups import Lookups
from sdb_service.errors import NotFound, not_found
from tests.api.loops import on_a_loop, until


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Reading:
    """A slow question: it counts how often it is asked, and can be held back or refused."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self.refusal: NotFound | None = None

    def __call__(self) -> str:
        self.asked += 1
        answer = f"answer {self.asked}"
        assert self.gate.wait(10)
        if self.refusal:
            raise self.refusal
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reading() -> Reading:
    return Reading()


@pytest.fixture
def known(clock: Clock) -> Lookups[Any]:
    return Lookups[Any](now=clock)


def others() -> set[Any]:
    """What runs on the loop beside the test."""
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize(
    ("later", "found"), [(0.0, "answer 1"), (0.5, "answer 1"), (0.999, "answer 1"), (1.0, "answer 2"), (9, "answer 2")]
)
@on_a_loop
async def test_an_answer_is_known_for_a_second_and_no_longer(
    known: Lookups[Any], clock: Clock, reading: Reading, later: float, found: str
) -> None:
    assert await known.get("key", reading) == "answer 1"
    clock.seconds = later

    assert known.peek("key", reading) == (("answer 1", 1.0) if found == "answer 1" else None)
    assert await known.get("key", reading) == found


@on_a_loop
async def test_the_second_begins_before_the_reading(known: Lookups[Any], clock: Clock, reading: Reading) -> None:
    reading.gate.clear()
    asking = asyncio.ensure_future(known.get("key", reading))
    await until(lambda: reading.asked)
    clock.seconds = 0.4
    reading.gate.set()
    await asking

    assert known.peek("key", reading) == ("answer 1", 1.0)


@on_a_loop
async def test_many_who_ask_at_once_ask_once(known: Lookups[Any], reading: Reading) -> None:
    reading.gate.clear()
    asking = [asyncio.ensure_future(known.get("key", reading)) for _ in range(20)]
    await until(lambda: reading.asked)
    asking += [asyncio.ensure_future(known.get("key", reading)) for _ in range(20)]
    await asyncio.sleep(0)
    reading.gate.set()

    assert await asyncio.gather(*asking) == ["answer 1"] * 40
    assert reading.asked == 1


@on_a_loop
async def test_each_key_has_its_own_answer(known: Lookups[Any]) -> None:
    assert await asyncio.gather(*(known.get(key, lambda key=key: key) for key in "abc")) == ["a", "b", "c"]
    assert [await known.get(key, lambda: "nothing") for key in "abc"] == ["a", "b", "c"]


@on_a_loop
async def test_a_refusal_is_told_to_all_who_wait_and_not_kept(known: Lookups[Any], reading: Reading) -> None:
    reading.refusal = not_found("box", "box_1")
    refused = await asyncio.gather(*(known.get("key", reading) for _ in range(3)), return_exceptions=True)
    assert (refused, reading.asked) == ([reading.refusal] * 3, 1)

    reading.refusal = None
    assert known.peek("key", reading) is None
    assert await known.get("key", reading) == "answer 2"


@on_a_loop
async def test_what_is_known_can_be_forgotten(known: Lookups[Any], reading: Reading) -> None:
    await known.get("key", reading)

    known.forget()

    assert known.peek("key", reading) is None
    assert await known.get("key", reading) == "answer 2"


@on_a_loop
async def test_an_answer_read_before_a_forgetting_is_not_kept(known: Lookups[Any], reading: Reading) -> None:
    reading.gate.clear()
    asking = asyncio.ensure_future(known.get("key", reading))
    await until(lambda: reading.asked)

    known.forget()
    reading.gate.set()

    assert await asking == "answer 1"  # who asked before may have it
    assert known.peek("key", reading) is None


@on_a_loop
async def test_who_asks_after_a_forgetting_does_not_join_who_asked_before(
    known: Lookups[Any], reading: Reading
) -> None:
    reading.gate.clear()
    before = asyncio.ensure_future(known.get("key", reading))
    await until(lambda: reading.asked == 1)
    known.forget()
    after = asyncio.ensure_future(known.get("key", reading))
    await until(lambda: reading.asked == 2)
    reading.gate.set()

    assert await asyncio.gather(before, after) == ["answer 1", "answer 2"]
    assert await known.get("key", reading) == "answer 2"


@on_a_loop
async def test_half_way_to_its_end_an_answer_is_read_again_while_the_old_one_serves(
    known: Lookups[Any], clock: Clock, reading: Reading
) -> None:
    await known.get("key", reading)
    clock.seconds = 0.5
    known.peek("key", reading)
    assert others() == set()

    clock.seconds = 0.6
    reading.gate.clear()
    assert [await known.get("key", reading) for _ in range(5)] == ["answer 1"] * 5
    await until(lambda: reading.asked == 2)
    assert known.peek("key", reading) == ("answer 1", 1.0)
    assert len(others()) == 2  # the reading and who waits for it, not one for each who looked
    reading.gate.set()
    await until(lambda: not others())

    assert known.peek("key", reading) == ("answer 2", 1.6)
    assert reading.asked == 2


@on_a_loop
async def test_an_answer_read_again_before_a_forgetting_is_not_kept(
    known: Lookups[Any], clock: Clock, reading: Reading
) -> None:
    await known.get("key", reading)
    clock.seconds = 0.6
    reading.gate.clear()
    known.peek("key", reading)
    await until(lambda: reading.asked == 2)

    known.forget()
    reading.gate.set()
    await until(lambda: not others())

    assert known.peek("key", reading) is None


@on_a_loop
async def test_where_reading_again_fails_the_old_answer_ends_at_its_time(
    known: Lookups[Any], clock: Clock, reading: Reading
) -> None:
    await known.get("key", reading)
    reading.refusal, complaints = not_found("box", "box_1"), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    for later, asked in ((0.6, 2), (0.9, 3)):
        clock.seconds = later
        assert await known.get("key", reading) == "answer 1"
        await until(lambda: not others())
        assert reading.asked == asked

    clock.seconds = 1.0
    with pytest.raises(NotFound):
        await known.get("key", reading)
    await until(lambda: not others())
    gc.collect()
    assert complaints == []


@on_a_loop
async def test_nothing_stays_in_memory_after_its_time(
    known: Lookups[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "SECONDS", 0.05)
    watched = weakref.ref(await known.get("key", set))
    await asyncio.sleep(0.2)  # by the loop's clock its time is over, by the lookup's it is not
    gc.collect()
    assert watched() is not None

    clock.seconds = 1.0

    await until(lambda: (gc.collect(), watched())[1] is None)


@on_a_loop
async def test_who_goes_away_does_not_take_the_answer_from_the_others(known: Lookups[Any], reading: Reading) -> None:
    reading.gate.clear()
    asking = [asyncio.ensure_future(known.get("key", reading)) for _ in range(3)]
    await until(lambda: reading.asked)
    asking[0].cancel()
    asking[2].cancel()
    await asyncio.wait([asking[0], asking[2]])
    reading.gate.set()

    assert await asking[1] == "answer 1"
    assert asking[0].cancelled()
    assert (await known.get("key", reading), reading.asked) == ("answer 1", 1)
