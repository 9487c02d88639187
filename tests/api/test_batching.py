"""Batches: what came meanwhile goes together, and a large request lets the others through."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from api.bodies.geometry import Images
from api.predictions.batching import MOST_IMAGES, MOST_WAITING
from api.predictions.tickets import Reply
from sdb_service.errors import ServiceError, Unavailable
from tests.api.desks import Client, Desk, assert_sums, floats, sums, told
from tests.api.loops import on_a_loop
from tests.api.networks import normalised, random_pixels


@pytest.fixture
def runner() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as opened:
        yield opened


@pytest.fixture
def desk(runner: ThreadPoolExecutor) -> Desk:
    return Desk(runner)


@on_a_loop
async def test_one_image_alone_is_answered_at_once(desk: Desk) -> None:
    await desk.answer(Client(floats(1)))
    alone = Client(floats(1, seed=2))

    desk.ask(alone)
    await asyncio.sleep(0)  # one turn of the loop, and not a moment more

    np.testing.assert_array_equal(alone.logits, sums(floats(1, seed=2)))


@on_a_loop
async def test_what_comes_while_a_batch_runs_forms_the_next(desk: Desk) -> None:
    clients = [Client(floats(1, seed=seed)) for seed in range(MOST_IMAGES + 9)]
    await desk.hold(clients[0])
    desk.ask(*clients[1:])

    desk.box.gate.set()
    await told(*clients)

    assert desk.box.sizes == [1, MOST_IMAGES, 8]
    assert {size: times for size, times in enumerate(desk.tally.sizes) if times} == {1: 1, MOST_IMAGES: 1, 8: 1}
    for seed, client in enumerate(clients):
        np.testing.assert_array_equal(client.logits, sums(floats(1, seed=seed)))


@on_a_loop
async def test_a_small_request_does_not_wait_for_the_end_of_a_large_one(desk: Desk) -> None:
    large, small, before = Client(floats(100)), Client(floats(2, seed=2)), []

    def tell(found: Reply | ServiceError) -> None:
        small.told.append(found)
        before.append((len(desk.box.sizes), list(large.told)))

    small.question.told = tell
    await desk.hold(large)
    desk.ask(small)
    desk.box.gate.set()
    await told(small, large)

    assert desk.box.sizes == [16, 16, 16, 16, 16, 16, 6]
    assert before == [(3, [])]  # batches, and what the large one had been told
    np.testing.assert_array_equal(small.logits, sums(floats(2, seed=2)))


@pytest.mark.parametrize("images", [random_pixels(100), floats(100)], ids=["pixels", "floats"])
@on_a_loop
async def test_a_large_request_is_answered_as_in_one_batch_and_in_its_order(desk: Desk, images: Images) -> None:
    large, others = Client(images), [Client(floats(seed, seed=seed)) for seed in range(1, 8)]

    await desk.answer(large, *others)

    assert_sums(large.logits, floats(100))
    assert max(desk.box.sizes) == MOST_IMAGES
    assert sum(desk.box.sizes) == 100 + sum(range(1, 8))


@on_a_loop
async def test_a_batch_on_the_loop_does_not_write_over_one_on_the_other_thread(runner: ThreadPoolExecutor) -> None:
    slow, quick = Desk(runner), Desk(runner)
    await quick.answer(Client(random_pixels(4)))
    held, passing = Client(random_pixels(4, seed=2)), Client(random_pixels(4, seed=3))
    await slow.hold(held)

    await quick.answer(passing)
    slow.box.gate.set()
    await told(held)

    assert quick.box.threads[1] != slow.box.threads[0]
    assert_sums(held.logits, floats(4, seed=2))
    assert_sums(passing.logits, floats(4, seed=3))


@on_a_loop
async def test_short_batches_run_on_the_loop_and_long_ones_beside_it(desk: Desk) -> None:
    desk.box.seconds = 0.001
    for count in (1, 1, 16, 1):
        await desk.answer(Client(floats(count)))

    here = threading.get_ident()
    assert [thread == here for thread in desk.box.threads] == [False, True, False, True]


@on_a_loop
async def test_of_a_slow_box_not_even_one_image_runs_on_the_loop(desk: Desk) -> None:
    desk.box.seconds = 0.006
    for _ in range(3):
        await desk.answer(Client(floats(1)))

    assert threading.get_ident() not in desk.box.threads


@on_a_loop
async def test_a_box_that_computes_elsewhere_never_runs_on_the_loop(desk: Desk) -> None:
    desk.box.is_on_cpu = False  # its batches take no processor time, and the loop would stand still
    for _ in range(3):
        await desk.answer(Client(floats(1)))

    assert threading.get_ident() not in desk.box.threads


@on_a_loop
async def test_a_full_queue_refuses_and_empties_again(desk: Desk) -> None:
    pixels = random_pixels(MOST_WAITING - 1)
    filling, last, refused = Client(pixels), Client(pixels[:100]), Client(pixels[:1])
    await desk.hold(filling)
    assert not desk.batcher.is_full
    desk.ask(last)  # one place was left: whoever finds it is taken whole

    assert desk.batcher.is_full
    with pytest.raises(Unavailable) as caught:
        desk.ask(refused)
    desk.box.gate.set()
    await told(filling, last)

    assert (caught.value.code, refused.told, desk.tally.waiting) == ("box_busy", [], 0)
    assert not desk.batcher.is_full
    await desk.answer(refused)
    assert_sums(refused.logits, normalised(pixels[:1]))
