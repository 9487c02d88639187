"""The monitor under load: bounded memory, a part of the images, and numbers that say so."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from api.bodies.geometry import Geometry, Images
from api.monitoring import watch as watching
from api.monitoring.callers import Caller, Callers
from api.monitoring.watch import Watch
from tests.api.networks import INPUT
from tests.api.strollers import answers, natural, standing


class Ticket:
    """One head."""

    def __init__(self, payer: str = "203.0.113.7", *, kind: str = "predict", **changes: Any) -> None:
        self.payer, self.kind, self.standing = payer, kind, standing(**changes)


def questions(*pairs: tuple[Ticket, Images]) -> Any:
    return [SimpleNamespace(ticket=ticket, images=images) for ticket, images in pairs]


@pytest.fixture
def callers() -> Callers:
    return Callers(capacity=3)


@pytest.fixture
def watch(callers: Callers) -> Watch:
    """A monitor whose thread sleeps: tests look themselves."""
    made = Watch(callers, lambda *_: None)
    made._awake.set()
    return made


def evidence_of(callers: Callers, ticket: Ticket) -> Any:
    return callers.of(ticket.standing, ticket.payer).evidence


def test_requests_of_one_batch_are_noted_with_their_own_answers(callers: Callers, watch: Watch) -> None:
    images, first, second = natural(5), Ticket("first"), Ticket("second")
    logits = np.eye(10, dtype=np.float32)[[7, 7, 2, 3, 4]]
    watch.saw(questions((first, images[:2]), (second, images[2:])), logits)
    watch.look()
    assert np.flatnonzero(evidence_of(callers, first).labels).tolist() == [7]
    assert np.flatnonzero(evidence_of(callers, second).labels).tolist() == [2, 3, 4]


def test_under_load_a_part_is_looked_at_and_all_is_counted(callers: Callers, watch: Watch) -> None:
    ticket, images = Ticket(), natural(1024)
    logits = answers(images)
    for _ in range(40):
        watch.saw(questions((ticket, images)), logits)
    assert watch._room > -logits.nbytes * 40
    watch.look()
    numbers = evidence_of(callers, ticket).numbers()
    assert numbers.queries == 40 * 1024
    assert 0.05 < numbers.seen_share < 0.5
    assert numbers.compared < 1024


def test_what_waits_for_a_pass_has_a_bound(watch: Watch) -> None:
    ticket, image = Ticket(), natural(1)
    logits = answers(image)
    for _ in range(20_000):
        watch.saw(questions((ticket, image)), logits)
    waiting = len(watch._notes[ticket].parts)  # type: ignore[index]
    each = image.nbytes + 1024 + logits.nbytes
    assert watching.ROOM - each < waiting * each <= watching.ROOM + each


def test_so_many_tickets_wait_for_a_pass_and_the_rest_costs_no_room(watch: Watch) -> None:
    image = natural(1)
    for _ in range(watching._MOST_NOTES + 50):
        watch.saw(questions((Ticket(), image)), np.zeros((1, 10), np.float32))
        watch._room = watching.ROOM
    watch.saw(questions((Ticket(), image)), np.zeros((1, 10), np.float32))
    assert len(watch._notes) == watching._MOST_NOTES
    assert watch._room == watching.ROOM - 40  # the logits alone


def test_a_large_request_leaves_room_for_others(callers: Callers, watch: Watch) -> None:
    large, small, images = Ticket("large"), Ticket("small"), natural(8192)
    watch.saw(questions((large, images)), answers(images))
    watch.saw(questions((small, images[:1])), answers(images[:1]))
    watch.look()
    assert evidence_of(callers, small).seen == 1
    assert 500 < evidence_of(callers, large).seen < 8192


def test_the_parts_of_a_large_request_keep_their_answers(callers: Callers, watch: Watch) -> None:
    ticket, images = Ticket(), natural(8192)
    logits = np.eye(10, dtype=np.float32)[np.arange(8192) * 10 // 8192]
    watch.saw(questions((ticket, images)), logits)
    watch.look()
    labels = evidence_of(callers, ticket).labels
    assert labels.min() > 0.9 * labels.max()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_of_large_images_rows_and_columns_are_left_out(callers: Callers, watch: Watch, dtype: type) -> None:
    geometry = Geometry.of(INPUT | {"height": 224, "width": 150})
    ticket = Ticket(geometry=geometry)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 224, 150, 3), dtype=np.uint8)
    images: Images = pixels if dtype is np.uint8 else geometry.normalised(pixels)
    watch.saw(questions((ticket, images)), np.zeros((6, 10), np.float32))
    (part,) = watch._notes[ticket].parts  # type: ignore[index]
    assert len(part[0]) == 6 * 56 * 50 * 3 * images.itemsize
    watch.look()
    assert evidence_of(callers, ticket).numbers().distinct == 6


def test_so_many_callers_are_kept_those_who_asked_last(callers: Callers) -> None:
    for number in (1, 2, 3, 1, 4):
        callers.of(standing(), f"caller {number}").evidence.queries += 1
    assert len(callers) == 3
    assert callers.of(standing(), "caller 1").evidence.queries == 2
    assert callers.of(standing(), "caller 2").evidence.queries == 0


def test_a_new_day_begins_with_nothing() -> None:
    from sdb_service import clock

    day = [clock.now()]
    callers = Callers(capacity=3, now=lambda: day[0])
    before = callers.of(standing(), "x")
    day[0] = clock.after(24 * 3600)
    after = callers.of(standing(), "x")
    assert after is not before
    assert (len(callers), after.since) == (1, day[0])


def test_what_an_owner_asks_and_what_is_distilled_is_not_kept(callers: Callers, watch: Watch) -> None:
    owner, licensed, images = Ticket("owner"), Ticket("licensed", kind="distill"), natural(3)
    owner.standing.is_owner = True
    watch.saw(questions((owner, images), (licensed, images)), answers(natural(6)))
    assert [note.parts for note in watch._notes.values()] == [[], []]
    watch.look()
    assert (len(callers), evidence_of(callers, licensed).distilled) == (1, 3)


def test_no_ticket_of_distill_is_held_for_it_holds_the_key(callers: Callers, watch: Watch) -> None:
    first, second, images = Ticket("licensed", kind="distill"), Ticket("licensed", kind="distill"), natural(3)
    for ticket in (first, second):
        watch.saw(questions((ticket, images)), answers(images))
    held = [*watch._notes, *(note.standing for note in watch._notes.values())]
    assert not {id(one) for one in held} & {id(one) for ticket in (first, second) for one in (ticket, ticket.standing)}
    watch.look()
    assert evidence_of(callers, first).distilled == 6


def test_a_pass_that_fails_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SECONDS", 0.01)
    told: list[int] = []

    def tell(touched: Any, callers: Callers) -> None:
        told.append(len(touched))
        if len(told) == 1:
            raise OSError("the database is away")

    made = Watch(Callers(capacity=3), tell)
    try:
        for wanted in (1, 2):
            made.saw(questions((Ticket(), natural(1))), answers(natural(1)))
            for _ in range(500):
                if len(told) >= wanted and not made._awake.is_set():
                    break
                made._over.wait(0.01)
    finally:
        made.close()
    assert told == [1, 1]


def test_the_memory_of_a_caller_is_bounded() -> None:
    caller: Caller = Callers(capacity=1).of(standing(geometry=Geometry.of(INPUT | {"height": 32, "width": 32})), "x")
    for seed in range(6):
        images = natural(512, seed=seed, side=32)
        caller.add([images], [answers(images)], compared=512)
    ring = caller.evidence._ring
    arrays = [ring._sketches, ring._hashes, ring._labels, ring._nearest, ring._alike, caller.evidence._distinct._bits]
    assert sum((array.base if array.base is not None else array).nbytes for array in arrays) < 700_000
