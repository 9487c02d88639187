"""The monitor's numbers: W as scipy has it, counts of different images, near duplicates, entropy."""

import numpy as np
import pytest
from scipy import stats

from api.bodies.geometry import Geometry
from api.monitoring.callers import Callers
from api.monitoring.distinct import DistinctCounter, distinct_in_all
from api.monitoring.evidence import KEPT, Evidence, entropy, normality
from api.monitoring.shapiro import shapiro_wilk
from api.monitoring.sketches import distances, hashes_of, numbers_of, sketches_of
from tests.api.strollers import GEOMETRY, ask, natural, standing, stepped


@pytest.mark.parametrize("draw", ["normal", "uniform", "exponential", "lognormal", "standard_cauchy"])
@pytest.mark.parametrize("count", [12, 13, 50, 101, 1000, 4999])
def test_w_is_that_of_scipy(draw: str, count: int) -> None:
    values = getattr(np.random.default_rng(count), draw)(size=count)
    assert shapiro_wilk(values) == pytest.approx(stats.shapiro(values).statistic, abs=1e-7)


def test_w_of_large_values_with_little_spread_is_that_of_scipy() -> None:
    values = 5000 + 0.01 * np.random.default_rng(1).normal(size=300)
    assert shapiro_wilk(values) == pytest.approx(stats.shapiro(values).statistic, abs=1e-6)


def test_w_says_nothing_of_equal_values_and_refuses_few() -> None:
    assert shapiro_wilk(np.full(100, 3.7)) == 1.0
    with pytest.raises(ValueError, match="at least 12"):
        shapiro_wilk(np.arange(11.0))


@pytest.mark.parametrize("count", [1, 20, 640, 5000, 60_000, 400_000])
def test_different_hashes_are_counted_within_two_percent(count: int) -> None:
    counter, hashes = DistinctCounter(), np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)
    for part in np.array_split(hashes, 20):
        counter.add(part)
        counter.add(part)
    assert counter.count == pytest.approx(count, rel=0.02, abs=0.01)


def test_what_is_new_is_marked_at_its_first_place() -> None:
    counter = DistinctCounter()
    assert counter.add(np.array([7, 9, 7, 11], np.uint64)).tolist() == [True, True, False, True]
    assert counter.add(np.array([9, 13], np.uint64)).tolist() == [False, True]


@pytest.mark.parametrize(("images", "times"), [(50_000, 1), (5_000, 10), (800, 60)])
def test_a_sample_tells_how_many_different_images_there_were(images: int, times: int) -> None:
    random = np.random.default_rng(images)
    queries = random.permutation(np.repeat(np.arange(images), times))
    seen = queries[:5000]
    found = distinct_in_all(len(set(seen.tolist())), seen=len(seen), queries=len(queries))
    assert found == pytest.approx(images, rel=0.1)


def test_hashes_tell_images_apart_by_any_value() -> None:
    images = natural(3)
    changed = images.copy()
    changed[1, 5, 5, 2] ^= 1
    assert (hashes_of(images) == hashes_of(changed)).tolist() == [True, False, True]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 30, 45), (3, 5, 60), (12, 32, 32)])
def test_sketches_are_means_over_areas_of_known_length(shape: tuple[int, int, int]) -> None:
    channels, height, width = shape
    geometry = Geometry.of(dict(zip(("channels", "height", "width"), shape, strict=True)) | _scale(channels))
    flat = np.full((2, height, width, channels), 255, np.uint8)
    found = sketches_of(flat, geometry)
    assert found.shape == (2, numbers_of(geometry))
    assert found.shape[1] <= 192
    assert found == pytest.approx(2.0)


def test_pixels_and_their_normalised_floats_have_the_same_sketch() -> None:
    images = natural(4)
    floats = GEOMETRY.normalised(images)
    assert distances(sketches_of(images, GEOMETRY), sketches_of(floats, GEOMETRY)).diagonal() == pytest.approx(
        0, abs=5e-3
    )


def test_values_beyond_all_measure_do_no_harm() -> None:
    wild = GEOMETRY.normalised(natural(3)).copy()
    wild[0, 0, 0, 0], wild[1], wild[2] = np.inf, -3e38, np.nan
    assert np.isfinite(distances(sketches_of(wild, GEOMETRY), sketches_of(wild, GEOMETRY))).all()


def test_distances_are_root_mean_squares() -> None:
    left, right = np.random.default_rng(0).normal(size=(2, 5, 192)).astype(np.float16)
    wanted = np.sqrt(((left[:, None].astype(np.float64) - right) ** 2).mean(axis=2))
    assert distances(left, right) == pytest.approx(wanted, abs=1e-3)


def test_a_near_duplicate_is_one_and_the_same_image_is_none() -> None:
    callers = Callers(capacity=1)
    caller, images = callers.of(standing(), "x"), natural(50)
    for part in (images, images, stepped(images[:10]), images):
        ask(caller, part)
    numbers = caller.evidence.numbers()
    assert (numbers.queries, numbers.seen, numbers.distinct) == (160, 160, 60)
    assert numbers.compared == 59  # the first has none before it
    assert numbers.near_duplicates == pytest.approx(10 / 59)


def test_only_the_newest_images_are_kept() -> None:
    caller, images = Callers(capacity=1).of(standing(), "x"), natural(KEPT + 300)
    for start in range(0, len(images), 50):
        ask(caller, images[start : start + 50])
    ask(caller, stepped(images[:50]))  # of images long gone
    assert caller.evidence.numbers().near_duplicates == 0
    assert caller.evidence.numbers().compared == KEPT
    ask(caller, stepped(images[-50:]))
    assert caller.evidence.numbers().near_duplicates == pytest.approx(50 / KEPT)


def test_w_of_distances_needs_a_hundred_and_leaves_out_single_far_ones() -> None:
    near = np.random.default_rng(0).normal(10, 1, size=300).astype(np.float32)
    assert normality(near[:99]) is None
    with_outlier = normality(np.append(near, np.float32(500)))
    assert with_outlier is not None
    assert with_outlier > 0.98


def test_entropy_is_a_share_of_the_most_possible() -> None:
    assert entropy(np.array([5, 5, 5, 5])) == pytest.approx(1)
    assert entropy(np.array([9, 0, 0, 0])) == 0
    assert entropy(np.array([2, 2, 0, 0])) == pytest.approx(0.5)
    assert entropy(np.zeros(4, np.int64)) is None


def test_a_repeated_image_counts_once_for_the_labels() -> None:
    evidence, images = Evidence(classes=10, length=192), natural(4)
    hashes, labels = hashes_of(images), np.array([1, 2, 3, 4])
    for _ in range(3):
        evidence.count(hashes, labels)
    assert evidence.labels.tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def _scale(channels: int) -> dict[str, list[float]]:
    return {"mean": [0.5] * channels, "std": [0.25] * channels}
