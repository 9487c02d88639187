"""Heads of requests that were seen before: what is remembered, and that what is taken back is not."""

import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from api.predictions import remembering
from api.predictions.remembering import Heads
from tests.api.loops import on_a_loop, until

REQUEST = (
    b"POST /v1/boxes/box_1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\nabc"
)


class Loaded:
    """A box in memory."""


class Lane:
    """Grants everything, and counts how often it was asked."""

    def __init__(self) -> None:
        self.on_forgetting: list[Any] = []
        self.asked = 0
        self.is_taking_back = False
        self.sessions = SimpleNamespace(peek=lambda box: Loaded())

    def admit_now(self, head: object, query: bytes) -> tuple[Any, float]:
        self.asked += 1
        if self.is_taking_back:
            for call in self.on_forgetting:
                call()
        return SimpleNamespace(standing=SimpleNamespace(box=None)), time.monotonic() + 60


def heads_of(lane: Any) -> Heads:
    return Heads(lane)


@on_a_loop
async def test_a_head_is_judged_once_for_as_long_as_it_is_remembered() -> None:
    heads = heads_of(lane := Lane())

    assert [heads.find(REQUEST, "1.2.3.4") is None for _ in range(3)] == [False] * 3
    assert lane.asked == 1


@on_a_loop
async def test_another_address_is_judged_anew() -> None:
    heads = heads_of(lane := Lane())
    heads.find(REQUEST, "1.2.3.4")
    heads.find(REQUEST, "1.2.3.5")

    assert lane.asked == 2


@on_a_loop
async def test_what_is_taken_back_while_it_is_being_judged_is_not_remembered() -> None:
    heads = heads_of(lane := Lane())
    lane.is_taking_back = True
    assert heads.find(REQUEST, "1.2.3.4") is None  # the usual way judges it

    lane.is_taking_back = False
    assert heads.find(REQUEST, "1.2.3.4") is not None
    assert lane.asked == 2


@on_a_loop
async def test_a_head_that_does_not_come_again_does_not_keep_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "_REMEMBERED", 0.01)
    heads = heads_of(Lane())
    found = heads.find(REQUEST, "1.2.3.4")
    assert found is not None
    box = weakref.ref(found.known.loaded)
    del found

    await until(lambda: box() is None)
