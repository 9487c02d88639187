"""Floors, leaks, standard errors and the verdict that follows from them, on hand-made numbers."""

import math

import pytest

from sdb_core import verdicts
from sdb_core.attacks import named
from sdb_core.attacks.measuring import attack_kinds, floor_of
from sdb_core.students import Group, floor_kinds


def value(mean: float, std: float = 0.0, seeds: int = 3) -> dict[str, float]:
    return {"mean": mean, "std": std, "seeds": seeds}


def row(name: str, accuracy: float, floor: float, holds: str = "nothing") -> dict:
    return {"name": name, "accuracy": value(accuracy, 0.6), "floor": value(floor, 0.8), "holds": holds}


def test_the_floor_is_the_better_of_what_needs_no_box():
    floors = {"label_smoothing": value(91), "original_labels": value(92), "from_original": value(99)}
    assert floor_of(floors) == value(92)
    assert floor_of({"original_labels": value(80), "from_original": value(99)}) == value(80)


def test_the_standard_error_adds_the_variances_of_both_means():
    assert verdicts.standard_error(value(1, 0.6, 3), value(2, 0.8, 4)) == pytest.approx(
        math.sqrt(0.36 / 3 + 0.64 / 4), abs=1e-3
    )


def test_attackers_of_one_budget_share_their_floors(room):
    kinds = attack_kinds(named(["top-1", "sharpened", "linear-undo"]), room)
    assert sorted({kind.name for kind in kinds}) == sorted(
        ["label_smoothing", "from_original", "original_labels", "top-1", "sharpened", "linear-undo"]
    )


def test_without_truth_there_is_no_label_smoothing_and_no_label_in_the_loss(room):
    blind = Group("sdb:cnn-small", truth=False)
    assert set(floor_kinds(room, blind)) == {"from_original", "original_labels"}
    assert room.settings(blind).alpha == 1.0
    assert room.settings(room.home).alpha == 0.9


def test_who_ends_with_the_box_itself_is_measured_against_the_box(room):
    assert [kind.name for kind in attack_kinds(named(["fine-tuned-box"]), room)] == ["fine-tuned-box"]


def test_robustness_is_judged_without_those_who_hold_weights_or_key_and_names_them():
    rows = [row("a", 92, 91.5), row("w", 97, 91, "weights"), row("k", 96, 91, "part of the key")]
    found = verdicts.robustness(rows, box=value(95), scratch=value(90))
    assert (found["pass"], found["value"], found["limit"]) == (True, 0.5, 1.0)
    assert "standard error 0.6" in found["why"]
    assert "the weights" in found["why"]
    assert "+6.0" in found["why"]
    assert "part of the key" in found["why"]


def test_students_that_learned_next_to_nothing_are_named_and_not_judged():
    found = verdicts.robustness([row("a", 92, 93), row("blind", 30, 20)], box=value(95), scratch=value(90))
    assert found["pass"] is True
    assert "blind, +10.0" in found["why"]
    assert verdicts.robustness([row("blind", 30, 20)], box=value(95), scratch=value(90))["pass"] is False


def test_students_too_weak_for_half_the_box_are_judged_where_they_beat_scratch():
    rows = [row("a", 92, 93), row("blind", 30, 20)]
    found = verdicts.robustness(rows, box=value(95), scratch=value(29))
    assert (found["pass"], found["value"]) == (False, 10.0)


def test_uniqueness_is_judged_by_the_best_wrong_key_of_any_kind():
    rows = [row("random-key-1", 90, 93), row("mean-key", 94.5, 93), row("partial-key-90", 96, 93, "part of the key")]
    found = verdicts.uniqueness({"open": value(95)}, rows)
    assert (found["pass"], found["value"]) == (False, 0.5)
    assert "mean-key" in found["why"]


def test_what_was_not_run_is_not_judged():
    assert verdicts.robustness([row("w", 97, 91, "weights")], box=value(95), scratch=value(90))["pass"] is None
    assert verdicts.uniqueness({"open": value(95)}, [row("a", 92, 93)])["pass"] is None


def test_noise_excuses_an_open_student_by_a_point_at_most():
    students = {"scratch": value(95), "closed": value(80), "from_original": value(95, 3.0), "open": value(93.5, 3.0)}
    assert verdicts.effectiveness(students)["pass"] is False
    assert verdicts.effectiveness(students | {"open": value(94.2, 3.0)})["pass"] is True
