"""The report: it conforms, it hides the key, it survives a restart, and its verdicts follow from its numbers."""

import copy
import json

import jsonschema
import pytest
import torch

from sdb_core import verdicts
from sdb_core.distillation import fit, new_student
from sdb_core.errors import TrainingStopped
from sdb_core.observer import SilentObserver
from sdb_core.report import SCHEMA_PATH, Subject, make_report
from sdb_core.settings import EvaluationSettings, StudentSettings, TrainingSettings, WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap

QUICK = EvaluationSettings(
    level="quick",
    seeds=2,
    student="sdb:cnn-small",
    compare=(),
    student_settings=StudentSettings(epochs=1, batch_size=32),
)


@pytest.fixture
def subject(splits, key, normalisation, architecture) -> Subject:
    original = new_student(architecture, seed=0, device=torch.device("cpu"))
    training = TrainingSettings(epochs=4, batch_size=16)
    fit(original, splits.train, normalisation=normalisation, settings=training, run=Run("t", 0))
    settings = WrapSettings.for_policy("sdb-hardened", {"epochs": 1, "min_steps": 0})
    box = wrap(
        original,
        splits.train,
        key,
        policy="sdb-hardened",
        settings=settings,
        architecture=architecture,
        run=Run("wrap", 0),
    )
    return Subject(original, box.net, key, splits, architecture, "sdb-hardened", settings, 0, box.history, "ab" * 32)


def test_the_report_conforms_to_its_schema_and_holds_nothing_of_the_key(subject):
    report = json.loads(json.dumps(make_report(subject, settings=QUICK, run=Run("evaluate", 1))))
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    names = [row["name"] for row in report["attacks"]]
    assert names == [
        *(f"temperature-{t}" for t in (1, 4, 8, 16)),
        "label-only",
        *(f"random-key-{n}" for n in (1, 2, 3)),
    ]
    assert report["students"]["closed"]["seeds"] == 2
    text = json.dumps(report)
    assert not any(f"{value:.4f}"[:6] in text for value in subject.key.kappa.flatten().tolist() if abs(value) > 1)
    assert len(report["soft_labels"]) == 3
    assert sum(report["soft_labels"][0]["open"]) == pytest.approx(1.0, abs=1e-3)


def test_another_policy_is_compared_on_the_same_model(subject):
    settings = EvaluationSettings.from_dict({**QUICK.to_dict(), "seeds": 1, "compare": ["normal"]})
    report = make_report(subject, settings=settings, run=Run("evaluate", 1))
    rival = report["comparison"]["normal"]
    assert rival["accuracy"]["closed"] == rival["accuracy"]["original"] == report["accuracy"]["original"]
    assert rival["students"]["closed"]["mean"] == report["students"]["from_original"]["mean"]
    assert set(rival["students"]) == {"closed", "open"}


class StopsAfterStudents(SilentObserver):
    def __init__(self, students: int) -> None:
        self.students, self.taught = students, 0

    def checkpoint(self, path) -> None:
        self.taught += 1

    def should_stop(self) -> bool:
        return self.taught >= self.students


def test_a_stopped_evaluation_goes_on_where_it_ended_and_agrees_with_an_unbroken_one(subject, tmp_path):
    whole = make_report(subject, settings=QUICK, run=Run("evaluate", 1))
    with pytest.raises(TrainingStopped):
        make_report(
            subject, settings=QUICK, run=Run("evaluate", 1, observer=StopsAfterStudents(9)), state_folder=tmp_path
        )
    watcher = StopsAfterStudents(1000)
    resumed = make_report(subject, settings=QUICK, run=Run("evaluate", 1, observer=watcher), state_folder=tmp_path)
    assert watcher.taught == 13 * 2 - 9
    assert resumed["students"] == whole["students"]
    assert resumed["attacks"] == whole["attacks"]


def test_of_the_kept_students_another_box_uses_only_those_that_never_saw_a_box(subject, tmp_path):
    make_report(subject, settings=QUICK, run=Run("evaluate", 1), state_folder=tmp_path)
    other = copy.deepcopy(subject.box)
    with torch.no_grad():
        next(other.parameters()).mul_(1.01)
    changed = Subject(**{**vars(subject), "box": other})
    watcher = StopsAfterStudents(1000)
    kept = make_report(changed, settings=QUICK, run=Run("evaluate", 1, observer=watcher), state_folder=tmp_path)
    assert watcher.taught == (13 - 4) * 2  # scratch, label smoothing, and two students of the original
    fresh = make_report(changed, settings=QUICK, run=Run("evaluate", 1))
    assert (kept["students"], kept["attacks"]) == (fresh["students"], fresh["attacks"])


def test_level_none_measures_accuracies_alone(subject):
    report = make_report(subject, settings=EvaluationSettings(level="none"), run=Run("evaluate", 1))
    assert report["schema"] == "sdb-accuracy/1"
    assert set(report["accuracy"]) == {"original", "closed", "open"}
    assert "students" not in report


def value(mean: float, std: float = 0.0) -> dict[str, float]:
    return {"mean": mean, "std": std, "seeds": 3}


@pytest.mark.parametrize(("closed", "passed"), [(98.0, True), (97.0, False), (99.9, True)])
def test_fidelity_allows_one_point(closed, passed):
    found = verdicts.fidelity({"original": value(98.9), "closed": value(closed), "open": value(98)})
    assert found["pass"] is passed


@pytest.mark.parametrize(
    ("closed", "opened", "passed"), [(90.0, 96.0, True), (91.5, 96.0, False), (90.0, 94.0, False), (90.0, 95.5, True)]
)
def test_effectiveness_wants_a_bad_closed_student_and_a_good_open_one(closed, opened, passed):
    students = {
        "scratch": value(95.5),
        "closed": value(closed),
        "open": value(opened, 0.4),
        "from_original": value(96.0, 0.4),
    }
    assert verdicts.effectiveness(students)["pass"] is passed


def test_a_leak_is_a_share_of_what_distilling_the_original_gains():
    assert verdicts.leak(attack=value(94), floor=value(90), from_original=value(98)) == 0.5
    assert verdicts.leak(attack=value(94), floor=value(97.5), from_original=value(98)) is None


def test_robustness_is_judged_by_the_attack_that_rises_most_over_its_floor():
    rows = [
        {"name": "a", "accuracy": value(90), "floor": value(91)},
        {"name": "b", "accuracy": value(92.5), "floor": value(91)},
    ]
    found = verdicts.robustness(rows, box=value(95))
    assert (found["pass"], found["value"]) == (False, 1.5)
    assert "b" in found["why"]
