"""HTC's control: students of smoothed labels alone, paired with the panel's seeds."""

import dataclasses

from bench.smoothing import summary, taught
from bench.tasks import TASKS, opened
from sdb_core.settings import StudentSettings


def _attacked(seed, accuracy):
    return {"seed": seed, "attacks": {"htc": {"accuracy": accuracy}}}


def test_htc_is_held_against_the_student_of_its_own_seed():
    rows = [{"seed": seed, "students": {"0.1": mean}} for seed, mean in ((0, 50.0), (1, 52.0), (2, 60.0))]
    found = summary(rows, [_attacked(1, 53.0), _attacked(0, 50.5), _attacked(7, 10.0)])["0.1"]
    assert found["accuracy"]["mean"] == 54.0
    assert (found["htc_over"]["mean"], found["htc_seeds"]) == (0.75, 2)


def test_without_the_panels_rows_there_are_students_alone():
    found = summary([{"seed": 0, "students": {"0.1": 50.0}}], [])["0.1"]
    assert (found["accuracy"]["mean"], found["htc_over"]) == (50.0, None)


def test_one_seed_gives_one_student_and_the_smoothing_matters():
    task = dataclasses.replace(TASKS["digits"], train=200, test=200, students=StudentSettings(epochs=15, min_steps=0))
    splits = opened(task, "builtin:digits")
    once, again, other = (taught(task, splits, smoothing, seed=3) for smoothing in (0.1, 0.1, 0.9))
    assert once == again
    assert once != other
