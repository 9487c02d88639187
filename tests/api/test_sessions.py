"""Boxes in memory: loaded once, put aside when room is short, refused when damaged."""

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from api import memory
from api.predictions import sessions as loaded
from api.predictions.known import KnownBox
from api.predictions.sessions import Sessions, memory_of
from sdb_service.storage import Storage
from sdb_service.tables import Box
from tests.api.asking import ask, logits_of
from tests.api.conftest import house_on
from tests.api.networks import Network, as_npy, normalised, random_network, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.servers.profiles import Profile

PIXELS = random_pixels(2)


class CountingReads:
    """A store that counts how often each file is read, and can hold its readers back."""

    def __init__(self, storage: Storage, *, gate: threading.Event | None = None) -> None:
        self._storage = storage
        self._gate = gate
        self.reads: Counter[str] = Counter()

    def read(self, key: str) -> Iterator[bytes]:
        self.reads[key] += 1
        if self._gate:
            assert self._gate.wait(10)
        return self._storage.read(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


def boxes_of(house: House, owner: Person, count: int) -> list[KnownBox]:
    """Boxes with a network of their own each."""
    made = []
    for seed in range(1, count + 1):
        network = random_network(seed)
        box_id = House(house.runtime, house.http, network).box(owner, onnx_sha256=network.sha256)
        with house.runtime.database.reading() as session:
            made.append(KnownBox.of(session.get_one(Box, box_id)))
    return made


def test_many_at_once_load_a_cold_box_once(house: House, provider: Person) -> None:
    (box,), gate = boxes_of(house, provider, 1), threading.Event()
    storage = CountingReads(house.runtime.storage, gate=gate)
    sessions, start = Sessions(storage, capacity=1 << 30), threading.Barrier(8)

    def once(_turn: int) -> Any:
        start.wait(10)
        return sessions.load(box).engine.run(normalised(PIXELS))

    with ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(once, turn) for turn in range(8)]
        threading.Timer(0.2, gate.set).start()  # time for those who would load it too
        answers = [one.result(20) for one in asked]

    assert storage.reads == {box.onnx_key: 1}
    for answer in answers:
        np.testing.assert_allclose(answer, random_network(1).logits(PIXELS), atol=1e-6)


def test_a_cache_too_small_for_two_answers_rightly_and_loads_again(house: House, provider: Person) -> None:
    boxes = boxes_of(house, provider, 3)
    storage = CountingReads(house.runtime.storage)
    sessions = Sessions(storage, capacity=1)

    for _ in range(2):
        for seed, box in enumerate(boxes, 1):
            for _ in range(2):
                found = sessions.load(box).engine.run(normalised(PIXELS))
                np.testing.assert_allclose(found, random_network(seed).logits(PIXELS), atol=1e-6)

    assert storage.reads == {box.onnx_key: 2 for box in boxes}


def test_the_box_used_longest_ago_goes_first(house: House, provider: Person) -> None:
    first, second, third = boxes_of(house, provider, 3)
    storage = CountingReads(house.runtime.storage)
    sessions = Sessions(storage, capacity=2 * memory_of(len(random_network(1).content)) + 100)

    for box in (first, second, first, third, first):  # the third needs the room of the second
        sessions.load(box).engine.run(normalised(PIXELS))
    assert storage.reads == {first.onnx_key: 1, second.onnx_key: 1, third.onnx_key: 1}

    sessions.load(second).engine.run(normalised(PIXELS))
    assert storage.reads[second.onnx_key] == 2


def test_a_box_put_aside_leaves_memory_at_once(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, session_cache_bytes=1) as house:
        owner = house.person("provider")
        first, second = house.box(owner, published=True), house.box(owner, published=True)
        lane = house.http.app.state.lane  # type: ignore[attr-defined]
        gc.disable()  # nothing may need it: it comes once in tens of thousands of requests
        try:
            assert ask(house, first, as_npy(PIXELS)).status_code == 200
            (slot,) = lane.sessions._slots.values()
            engine = weakref.ref(slot.loaded.engine)
            del slot
            assert ask(house, second, as_npy(PIXELS)).status_code == 200
            assert engine() is None
        finally:
            gc.enable()


def test_memory_is_given_back_once_it_is_worth_it(
    house: House, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))
    sessions = Sessions(house.runtime.storage, capacity=1)
    boxes = boxes_of(house, provider, 3)
    per_box = memory_of(len(random_network(1).content))
    monkeypatch.setattr(loaded, "_WORTH_GIVING_BACK", 2 * per_box - 100)

    for box in boxes:
        sessions.load(box)

    assert given == [1], "two boxes went"


def test_a_box_that_is_being_loaded_is_not_put_aside(house: House, provider: Person) -> None:
    slow, other = boxes_of(house, provider, 2)
    gate = threading.Event()
    storage = CountingReads(house.runtime.storage)
    sessions = Sessions(storage, capacity=1)
    open_read = storage.read

    def read(key: str) -> Iterator[bytes]:
        found = open_read(key)
        assert key != slow.onnx_key or gate.wait(10)
        return found

    storage.read = read  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as crowd:
        one = crowd.submit(lambda: sessions.load(slow).engine.run(normalised(PIXELS)))
        while not storage.reads[slow.onnx_key]:
            pass
        sessions.load(other).engine.run(normalised(PIXELS))
        another = crowd.submit(lambda: sessions.load(slow).engine.run(normalised(PIXELS)))
        threading.Timer(0.2, gate.set).start()
        np.testing.assert_array_equal(one.result(20), another.result(20))

    assert storage.reads[slow.onnx_key] == 1


def test_a_damaged_box_is_not_run(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    damaged = bytearray(house.network.content)
    damaged[len(damaged) // 2] ^= 1
    house.runtime.storage.put_bytes(f"boxes/{box}.onnx", bytes(damaged))

    answer = ask(house, box, as_npy(PIXELS))

    problem_of(answer, 503, "box_damaged")
    assert int(answer.headers["retry-after"]) >= 1
    house.runtime.storage.put_bytes(f"boxes/{box}.onnx", house.network.content)
    assert ask(house, box, as_npy(PIXELS)).status_code == 200


def test_a_box_whose_file_is_gone_says_so_without_telling_where_it_lay(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    house.runtime.storage.delete(f"boxes/{box}.onnx")

    assert ".onnx" not in problem_of(ask(house, box, as_npy(PIXELS)), 503, "box_damaged")["detail"]


def test_boxes_of_different_owners_do_not_answer_for_each_other(house: House) -> None:
    networks = [random_network(seed) for seed in (5, 6)]
    for network in networks:
        owner = house.person("provider")
        box = House(house.runtime, house.http, network).box(owner, onnx_sha256=network.sha256)
        found = logits_of(ask(house, box, as_npy(PIXELS), who=owner, query="?return=logits"))
        np.testing.assert_allclose(found, network.logits(PIXELS), atol=5e-6)
