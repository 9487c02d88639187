"""The verdicts' numbers: their standard errors, and what they say where the numbers say little."""

import json
import statistics
from pathlib import Path

import jsonschema
import pytest

from sdb_core import verdicts
from tests.core.reports import full_report

SCHEMA = Path(verdicts.__file__).with_name("report.schema.json")


def value(mean: float, std: float = 0.6, seeds: int = 3) -> dict:
    return {"mean": mean, "std": std, "seeds": seeds}


def students(**means: float) -> dict:
    return {name: value(mean) for name, mean in means.items()}


STUDENTS = students(scratch=95, closed=88, from_original=96, open=96)


def row(name: str, over: float, **more: object) -> dict:
    return {"name": name, "floor": value(95), "accuracy": value(95 + over), **more}


def test_a_summary_keeps_each_score_in_the_order_of_the_seeds():
    found = verdicts.summary_of([91.0, 88.0, 90.00049])
    assert found == {"mean": 89.667, "std": 1.528, "seeds": 3, "scores": [91.0, 88.0, 90.0]}


def test_a_verdict_on_students_has_the_standard_error_of_its_number():
    both = round((2 * 0.6**2 / 3) ** 0.5, 3)
    assert verdicts.effectiveness(STUDENTS)["standard_error"] == both
    assert verdicts.uniqueness(STUDENTS, [row("zero-key", -2)])["standard_error"] == both
    assert verdicts.robustness([row("a", 0.5)], box=value(95), scratch=value(90))["standard_error"] == both


@pytest.mark.parametrize(
    ("opened", "told", "passes"),
    [(97.2, "96.0%: 1.2 points more.", True), (95.5, "96.0%: 0.5 points short, at most 0.8", True), (95, "1.0", False)],
)
def test_how_far_the_key_teaches_is_told_by_its_side_of_the_original(opened, told, passes):
    found = verdicts.effectiveness(students(scratch=95, closed=88, from_original=96, open=opened))
    assert told in found["why"]
    assert found["pass"] is passes


def test_a_single_student_has_none():
    alone = {"floor": value(95, 0.0, 1), "accuracy": value(95.5, 0.0, 1)}
    found = verdicts.robustness([row("a", 0.5) | alone], box=value(95), scratch=value(90))
    assert "standard_error" not in found
    assert "(one student, no standard error)" in found["why"]
    assert "standard_error" not in verdicts.fidelity({"original": value(98), "closed": value(97)})


def test_the_number_and_the_words_beside_it_round_alike():
    close = row("a", 0) | {"accuracy": value(48.683), "floor": value(48.633)}
    found = verdicts.robustness([close], box=value(65), scratch=value(90))
    assert found["value"] == 0.05
    assert f"{found['value']:.1f} points" in found["why"]


@pytest.mark.parametrize(
    ("closed", "told"), [(96.0, "1.0 point lost"), (95.995, "1.005 points lost"), (95.98, "1.02 points lost")]
)
def test_the_words_show_on_which_side_of_its_limit_a_number_lies(closed, told):
    found = verdicts.fidelity({"original": value(97), "closed": value(closed)})
    assert told in found["why"]
    assert found["pass"] is (closed == 96)


@pytest.mark.parametrize(("leak", "told"), [(None, True), (0.2, False), ("absent", False)])
def test_robustness_says_where_the_original_itself_is_no_better_than_the_floor(leak, told):
    best = row("a", 0.5) if leak == "absent" else row("a", 0.5, leak=leak)
    found = verdicts.robustness([best, row("b", -4, leak=None)], box=value(95), scratch=value(90))
    assert ("there was little to steal" in found["why"]) is told


def test_fidelity_pairs_the_images_that_one_net_alone_names_rightly():
    lost, won, images = 7, 3, 200
    agreement = {"images": images, "same_class": 94.5, "only_original_right": lost, "only_box_right": won}
    found = verdicts.fidelity({"original": value(97), "closed": value(95)}, agreement=agreement)
    each = [1] * lost + [-1] * won + [0] * (images - lost - won)  # right by the original less right by the box
    slow = 100 * statistics.pstdev(each) / images**0.5
    assert found["standard_error"] == pytest.approx(slow, abs=5e-4)
    assert "the original alone names 7 rightly, the box alone 3" in found["why"]
    assert "both name the same class on 94.5%" in found["why"]


@pytest.mark.parametrize(
    ("policy", "closed", "cure"),
    [("sdb-hardened", 95, "preset photographs"), ("sdb", 95, "lower omega"), ("sdb-hardened", 97, ""), ("ke", 95, "")],
)
def test_a_box_that_lost_too_much_says_what_loses_less(policy, closed, cure):
    why = verdicts.fidelity({"original": value(97), "closed": value(closed)}, policy=policy)["why"]
    assert cure in why
    assert why.endswith("allowed.") is (cure == "")


def test_a_report_with_all_of_this_is_of_the_published_form():
    report = full_report()
    report["students"]["open"] = verdicts.summary_of([97.4, 97.6])
    report["verdicts"]["uniqueness"] = verdicts.uniqueness(STUDENTS, [row("zero-key", -2)])
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validate(report, schema)
    report["agreement"].pop("images")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema)
