"""Marks and how they are found again: the leaker is named, nobody else is, and where it cannot be said nobody is."""

import hashlib

import numpy as np
import pytest

from sdb_service import tracing
from sdb_service.secret import Secret

SHAPE = (3, 32, 32)
STD = (0.25, 0.24, 0.26)
SECRET = Secret(b"s" * 32)
NAMES = [f"lic_{number}" for number in range(100)]


@pytest.fixture(scope="module")
def kappa() -> np.ndarray:
    return made_kappa(SHAPE)


@pytest.fixture(scope="module")
def marks() -> list[tuple[str, np.ndarray]]:
    return [(name, tracing.mark_of(SECRET, name, SHAPE)) for name in NAMES]


def made_kappa(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).random(shape)
    return ((pixels - 0.45) / np.array(STD[: shape[0]])[:, None, None]).astype(np.float32)


def given_out(kappa: np.ndarray, name: str) -> np.ndarray:
    return tracing.marked(kappa, tracing.mark_of(SECRET, name, kappa.shape), std=STD[: len(kappa)])


def noise(shape: tuple[int, ...], size: float, seed: int = 1) -> np.ndarray:
    std = np.array(STD[: shape[0]])[:, None, None]
    return size / np.sqrt(12) / std * np.random.default_rng(seed).normal(size=shape)


def accused(found: np.ndarray, kappa: np.ndarray, marks: list[tuple[str, np.ndarray]]) -> list[str]:
    scores = tracing.scores(found.astype(np.float32), kappa, marks, licenses=len(marks))
    return [score.license_id for score in scores if score.accused]


def test_a_license_has_the_same_mark_on_every_machine() -> None:
    mark = tracing.mark_of(SECRET, "lic_1", SHAPE)

    digest = hashlib.sha256(mark.astype("<f8").tobytes()).hexdigest()
    assert digest == "ad6165d694f1305a1ab91c833128e93a45dbe1884a1846bab5c765161abe1487"


def test_another_license_and_another_secret_make_another_mark() -> None:
    mark = tracing.mark_of(SECRET, "lic_1", SHAPE)

    for other in (tracing.mark_of(SECRET, "lic_11", SHAPE), tracing.mark_of(Secret(b"t" * 32), "lic_1", SHAPE)):
        correlation = float(np.corrcoef(mark.ravel(), other.ravel())[0, 1])
        assert abs(correlation) < 0.1


def test_marks_have_mean_zero_and_variance_one_and_come_from_sixteen_fair_signs(
    marks: list[tuple[str, np.ndarray]],
) -> None:
    values = np.stack([mark for _, mark in marks])  # 307,200 numbers

    assert abs(values.mean()) < 0.01
    assert values.var() == pytest.approx(1, abs=0.01)
    assert set(np.unique(values)) <= {half / 2 for half in range(-8, 9)}
    assert np.abs(values.mean(axis=0)).max() < 0.5  # no pixel is the same for all


def test_a_mark_is_small_beside_the_key(kappa: np.ndarray) -> None:
    delta = given_out(kappa, "lic_1") - kappa

    share = delta.std(axis=(1, 2)) / (1 / np.sqrt(12) / np.array(STD))
    np.testing.assert_allclose(share, tracing.SHARE, rtol=0.05)
    assert tracing.SHARE < 0.25


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key,
        lambda key: key + noise(SHAPE, 1.0),
        lambda key: np.round(key * 40) / 40,
        lambda key: key.clip(-1, 1),
        lambda key: 0.7 * key + 0.3,
        lambda key: np.where(np.random.default_rng(2).random(SHAPE) < 1 / 3, made_kappa(SHAPE, seed=5), key),
    ],
    ids=["as it is", "noise", "rounded", "clipped", "scaled", "a third replaced"],
)
def test_the_leaker_is_found_among_a_hundred_whatever_was_done_to_the_key(change, kappa, marks) -> None:
    for name in ("lic_3", "lic_97"):
        assert accused(change(given_out(kappa, name)), kappa, marks) == [name]


def test_those_who_averaged_their_keys_are_all_found(kappa, marks) -> None:
    guilty = NAMES[10:15]
    average = np.mean([given_out(kappa, name) for name in guilty], axis=0)

    assert sorted(accused(average, kappa, marks)) == guilty


def test_nobody_is_accused_of_a_key_that_no_license_gave_out(kappa, marks) -> None:
    stranger = given_out(kappa, "lic_elsewhere")
    for found in (kappa, stranger, made_kappa(SHAPE, seed=9), -kappa, np.ones(SHAPE), np.zeros(SHAPE)):
        assert accused(found, kappa, marks) == []


def test_innocents_score_as_chance_says(kappa, marks) -> None:
    leaks = [(given_out(kappa, f"other_{n}") + noise(SHAPE, 0.5, n)).clip(-1.2, 1.2) for n in range(50)]
    directions = np.stack([tracing.residual(leak.astype(np.float32), kappa) for leak in leaks])
    z = np.tensordot(directions, np.stack([mark for _, mark in marks]), axes=([1, 2, 3], [1, 2, 3]))  # [50, 100]

    assert z.std() == pytest.approx(1, abs=0.05)
    assert abs(z.mean()) < 0.05
    assert z.max() < tracing.z_needed(len(marks))


def test_the_bound_is_hoeffdings_and_grows_with_the_licenses_compared() -> None:
    needed = tracing.z_needed(100)

    assert tracing.false_accusation(needed, licenses=100) == pytest.approx(tracing.LIMIT)
    assert tracing.false_accusation(needed, licenses=1000) == pytest.approx(10 * tracing.LIMIT)
    assert tracing.false_accusation(-8.0, licenses=3) == 1.0


def test_small_inputs_carry_no_marks_since_noise_would_hide_them() -> None:
    assert not tracing.is_marked(64)
    assert not tracing.is_marked(tracing.LEAST_PIXELS - 1)
    assert tracing.is_marked(3 * 32 * 32)
    small = (1, 8, 8)
    marks = [(name, tracing.mark_of(SECRET, name, small)) for name in NAMES]
    kappa = made_kappa(small)
    assert accused(given_out(kappa, "lic_1") + noise(small, tracing.NOISE), kappa, marks) == []


def test_at_the_least_size_a_leaker_behind_noise_is_found() -> None:
    shape = (1, 1, tracing.LEAST_PIXELS)
    kappa = made_kappa(shape)
    marks = [(name, tracing.mark_of(SECRET, name, shape)) for name in NAMES]
    found = [
        accused(given_out(kappa, name) + noise(shape, tracing.NOISE, seed), kappa, marks)
        for seed, name in enumerate(NAMES[:20])
    ]

    assert found == [[name] for name in NAMES[:20]]


def test_what_is_promised_of_noise_is_kept() -> None:
    promise = tracing.promise(3 * 32 * 32)
    assert tracing.promise(64) == {}
    assert promise["false_accusation"] == tracing.LIMIT
    kappa, names = made_kappa(SHAPE), [f"leaker {number}" for number in range(200)]
    needed, found = tracing.z_needed(int(promise["licenses"])), 0
    for seed, name in enumerate(names):
        mark = tracing.mark_of(SECRET, name, SHAPE)
        leaked = tracing.marked(kappa, mark, std=STD) + noise(SHAPE, promise["noise"], seed)
        [score] = tracing.scores(leaked.astype(np.float32), kappa, [(name, mark)], licenses=1)
        found += score.z >= needed

    assert 190 <= found <= 200


def test_a_changed_key_is_known_for_one_of_the_box_and_a_random_one_is_not(kappa) -> None:
    assert tracing.is_related(kappa + noise(SHAPE, 3.0).astype(np.float32), kappa)
    assert not tracing.is_related(made_kappa(SHAPE, seed=9), kappa)
    assert not tracing.is_related(np.zeros(SHAPE, np.float32), kappa)
