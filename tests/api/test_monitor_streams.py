"""Who is told of: streams of people who copy a box are found, streams of people who use it are not."""

import numpy as np
import pytest

from api.bodies.geometry import Geometry
from api.monitoring.callers import Callers
from api.monitoring.judging import Others, judge
from tests.api.networks import INPUT
from tests.api.strollers import LIMITS, answers, ask, augmented, findings, natural, standing, sweep

SMALL = Geometry.of(INPUT)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("step", "kinds"), [(10.0, {"near_duplicates", "distances"}), (25.5, {"distances"})])
def test_rounds_of_steps_from_few_images_are_found(step: float, kinds: set[str], seed: int) -> None:
    found = findings(augmented(900, step=step, seed=seed))
    assert set(found) == kinds
    assert found["distances"].value < 0.9


def test_a_sweep_between_two_images_is_found() -> None:
    assert "near_duplicates" in findings(sweep(600))


def test_as_many_different_images_as_the_box_was_made_with_are_found() -> None:
    found = findings(natural(50_000, side=8), training_images=45_000, geometry=SMALL, at_once=1000)
    assert set(found) == {"volume"}
    assert found["volume"].threshold == 45_000


def test_without_a_known_number_of_training_images_the_setting_counts() -> None:
    assert set(findings(natural(10_500, side=8), training_images=None, geometry=SMALL, at_once=1000)) == {"volume"}
    assert findings(natural(9_500, side=8), training_images=None, geometry=SMALL, at_once=1000) == {}


@pytest.mark.parametrize("seed", range(3))
def test_independent_images_are_nothing(seed: int) -> None:
    assert findings(natural(2000, seed=seed)) == {}


def test_the_same_twenty_images_for_ever_are_nothing() -> None:
    assert findings(np.tile(natural(20), (500, 1, 1, 1)), training_images=500) == {}


def test_a_single_batch_is_nothing() -> None:
    assert findings(natural(1024)) == {}


def test_few_images_are_nothing_however_they_look() -> None:
    assert findings(sweep(LIMITS.least_images - 1)) == {}


def test_many_different_images_with_one_answer_are_found_unless_all_callers_have_it() -> None:
    callers = Callers(capacity=9)
    caller, images = callers.of(standing(), "one"), natural(400)
    alike = np.tile(np.eye(10, dtype=np.float32)[4], (400, 1))
    ask(caller, images, alike)

    def kinds() -> list[str]:
        found = judge(caller.evidence.numbers(), LIMITS, others=callers.others(caller), training_images=None)
        return [finding.kind for finding in found]

    assert kinds() == ["labels"]
    for number in range(3):
        others = natural(400, seed=number + 1)
        ask(callers.of(standing(), f"other {number}"), others, alike)
    ask(callers.of(standing(box="another box"), "one"), natural(900, seed=9))
    assert callers.others(caller) == Others(pytest.approx(1200, abs=12), 0.0)
    assert kinds() == []


def test_natural_images_are_answered_with_all_classes() -> None:
    assert len(set(answers(natural(500)).argmax(axis=1).tolist())) == 10
