"""Several requests in one batch: each under its own key, and whoever breaks, leaves or sends nonsense does so alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from api.bodies.geometry import Batch, Images
from tests.api.desks import BOX, Client, Desk, assert_sums, floats, sums, told
from tests.api.loops import on_a_loop
from tests.api.networks import normalised, random_pixels

KAPPAS = [np.random.default_rng(seed).normal(size=(3, 8, 8)).astype(np.float32) for seed in range(3)]


def blended(batch: Batch, kappa: npt.NDArray[np.float32]) -> Batch:
    """Eq. 5: x~ = lambda x + (1 - lambda) kappa."""
    share = np.float32(BOX.lam)
    return share * batch + (np.float32(1) - share) * kappa


def with_nan(count: int, *, at: int) -> Batch:
    batch = floats(count)
    batch[at, 1, 2, 3] = np.nan
    return batch


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ThreadPoolExecutor(1) as runner:
        yield Desk(runner)


@pytest.mark.parametrize("images", [random_pixels(3), floats(3)], ids=["pixels", "floats"])
@on_a_loop
async def test_a_key_is_blended_as_in_equation_5(desk: Desk, images: Images) -> None:
    client, brought = Client(images, kappa=KAPPAS[0]), images.copy()

    await desk.answer(client)

    assert_sums(client.logits, blended(floats(3), KAPPAS[0]))
    np.testing.assert_array_equal(images, brought)


@on_a_loop
async def test_each_request_of_a_batch_is_blended_with_its_own_key(desk: Desk) -> None:
    asked = [(random_pixels(2, seed=seed), KAPPAS[seed]) for seed in range(3)]
    clients = [Client(pixels, kappa=kappa) for pixels, kappa in asked]

    await desk.answer(*clients)

    assert desk.box.sizes == [6]
    for client, (pixels, kappa) in zip(clients, asked, strict=True):
        assert_sums(client.logits, blended(normalised(pixels), kappa))


@pytest.mark.parametrize("keyed", [0, 1, 2])
@on_a_loop
async def test_who_has_no_key_is_not_blended_with_a_neighbours(desk: Desk, keyed: int) -> None:
    clients = [Client(random_pixels(2, seed=seed), kappa=KAPPAS[0] if seed == keyed else None) for seed in range(3)]

    await desk.answer(*clients)

    assert desk.box.sizes == [6]
    for seed, client in enumerate(clients):
        plain = floats(2, seed=seed)
        assert_sums(client.logits, blended(plain, KAPPAS[0]) if seed == keyed else plain)


@on_a_loop
async def test_pixels_and_floats_go_in_one_batch(desk: Desk) -> None:
    clients = [Client(random_pixels(2)), Client(floats(3, seed=2)), Client(random_pixels(1, seed=3))]

    await desk.answer(*clients)

    assert desk.box.sizes == [6]
    for client, expected in zip(clients, (floats(2), floats(3, seed=2), floats(1, seed=3)), strict=True):
        assert_sums(client.logits, expected)


@on_a_loop
async def test_two_large_requests_do_not_write_over_each_other(desk: Desk) -> None:
    desk.box.run = lambda batch: batch.reshape(len(batch), -1)[:, :3]  # type: ignore[method-assign]  # its own input
    batches = [floats(100, seed=seed) for seed in range(3)]
    clients = [Client(batch, kappa=kappa) for batch, kappa in zip(batches, (*KAPPAS[:2], None), strict=True)]

    await desk.answer(*clients)

    plain = [floats(100, seed=seed) for seed in range(3)]
    expected = [blended(plain[0], KAPPAS[0]), blended(plain[1], KAPPAS[1]), plain[2]]
    for seed, client in enumerate(clients):
        np.testing.assert_array_equal(client.logits, expected[seed].reshape(100, -1)[:, :3])
        np.testing.assert_array_equal(batches[seed], plain[seed])


@on_a_loop
async def test_a_request_without_a_finite_answer_is_refused_alone(desk: Desk) -> None:
    before, spoiled, after = Client(floats(2)), Client(with_nan(3, at=1)), Client(floats(4, seed=2))

    await desk.answer(before, spoiled, after)

    assert desk.box.sizes == [9]
    assert spoiled.code == "answer_not_finite"
    np.testing.assert_array_equal(before.logits, sums(floats(2)))
    np.testing.assert_array_equal(after.logits, sums(floats(4, seed=2)))


@on_a_loop
async def test_a_large_request_without_a_finite_answer_ends_where_that_is_found(desk: Desk) -> None:
    spoiled, small = Client(with_nan(100, at=40)), Client(floats(2, seed=2))

    await desk.answer(spoiled, small)
    await desk.answer(last := Client(floats(1, seed=3)))

    assert spoiled.code == "answer_not_finite"
    assert desk.box.sizes == [16, 16, 16, 1]
    np.testing.assert_array_equal(small.logits, sums(floats(2, seed=2)))
    np.testing.assert_array_equal(last.logits, sums(floats(1, seed=3)))


@on_a_loop
async def test_all_of_a_batch_are_told_that_the_box_failed_and_the_next_batch_works(desk: Desk) -> None:
    desk.box.failures = 1
    clients = [Client(floats(count)) for count in (1, 2, 100)]
    await desk.hold(*clients)
    desk.ask(later := Client(floats(1, seed=2)))

    desk.box.gate.set()
    await told(*clients, later)

    assert desk.box.sizes == [16, 1]
    assert [client.code for client in clients] == ["box_failed"] * 3
    np.testing.assert_array_equal(later.logits, sums(floats(1, seed=2)))


@on_a_loop
async def test_who_has_gone_is_not_run(desk: Desk) -> None:
    first, gone, stays = Client(floats(1)), Client(floats(1)), Client(floats(2))
    await desk.hold(first)
    desk.ask(gone, stays)

    gone.question.is_gone = True
    desk.box.gate.set()
    await told(first, stays)

    assert (desk.box.sizes, gone.told, desk.tally.waiting) == ([1, 2], [], 0)


@pytest.mark.parametrize("images", [floats(2), with_nan(2, at=0)], ids=["good", "not finite"])
@on_a_loop
async def test_who_goes_while_their_batch_runs_is_told_nothing(desk: Desk, images: Images) -> None:
    gone, stays = Client(images), Client(floats(2))
    await desk.hold(gone, stays)

    gone.question.is_gone = True
    desk.box.gate.set()
    await told(stays)

    assert (desk.box.sizes, gone.told) == ([4], [])
    np.testing.assert_array_equal(stays.logits, sums(floats(2)))


@on_a_loop
async def test_the_rest_of_a_large_request_is_not_run_for_who_has_gone(desk: Desk) -> None:
    gone, stays = Client(floats(100)), Client(floats(2))
    await desk.hold(gone)
    desk.ask(stays)

    gone.question.is_gone = True
    desk.box.gate.set()
    await told(stays)

    assert (desk.box.sizes, gone.told) == ([16, 2], [])


@pytest.mark.parametrize("end", ["gone", "not finite", "box failed"])
@on_a_loop
async def test_a_large_request_that_ends_early_leaves_nothing_in_the_queue(desk: Desk, end: str) -> None:
    large = Client(with_nan(100, at=0) if end == "not finite" else floats(100))
    desk.box.failures = int(end == "box failed")
    await desk.hold(large)
    large.question.is_gone = end == "gone"

    desk.box.gate.set()
    await desk.answer(Client(floats(1)))

    assert desk.tally.waiting == 0


@on_a_loop
async def test_who_waits_behind_a_crowd_that_has_gone_is_answered(desk: Desk) -> None:
    first, crowd, last = Client(floats(1)), [Client(floats(1)) for _ in range(50)], Client(floats(2))
    await desk.hold(first)
    desk.ask(*crowd, last)

    for client in crowd:
        client.question.is_gone = True
    desk.box.gate.set()
    await told(first, last)

    np.testing.assert_array_equal(last.logits, sums(floats(2)))
