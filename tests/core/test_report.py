"""The report: it conforms, it hides the key, it survives a restart, and its verdicts follow from its numbers."""

import copy
import dataclasses
import json
import sys

import jsonschema
import pytest
import torch

from sdb_core import verdicts
from sdb_core.attacks import measuring, named
from sdb_core.distillation import fit, new_student
from sdb_core.errors import DatasetUnreadable, TrainingStopped
from sdb_core.observer import SilentObserver
from sdb_core.report import SCHEMA_PATH, Subject, make_report, rival_settings
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


def compared(subject, policy: str, config: dict) -> dict:
    settings = EvaluationSettings.from_dict({**QUICK.to_dict(), "seeds": 1, "compare": [policy], "attacks": ["top-1"]})
    return make_report(subject, settings=settings, run=Run("evaluate", 1), config=config)


def test_a_policy_beside_is_trained_as_the_box_was(subject):
    config = {"preset": "quick", "epochs": 1, "batch_size": 24, "lr": 0.001, "omega": 0.9, "mixup": 0.1}
    made = compared(subject, "sdb", config)["comparison"]["sdb"]["config"]
    assert (made["epochs"], made["min_steps"], made["batch_size"], made["lr"]) == (1, 0, 24, 0.001)
    usual = WrapSettings.for_policy("sdb", {"lam": subject.key.lam}).to_dict()
    assert [made[name] for name in ("omega", "mixup", "lam")] == [usual[name] for name in ("omega", "mixup", "lam")]


def test_a_policy_beside_follows_every_setting_of_training_that_was_named():
    other = TrainingSettings(
        **{"epochs": 3, "min_steps": 7, "batch_size": 32, "optimiser": "sgd", "lr": 0.02, "momentum": 0.8},
        **{"weight_decay": 0.01, "warmup": 0.2, "schedule": "steps", "milestones": (0.3, 0.6), "gamma": 0.2},
        **{"clip": 1.0, "augment": "shift", "precision": "bfloat16", "accumulate": 2, "compile": True},
        checkpoint_seconds=1.0,
    ).to_dict()
    usual = WrapSettings.for_policy("sdb").to_dict()
    assert all(other[name] != usual[name] for name in other)
    assert rival_settings("sdb", other, lam=0.6).to_dict() == usual | other | {"lam": 0.6}


def test_a_policy_beside_has_its_own_part_of_the_preset_and_no_setting_of_another_policy():
    paper = {"preset": "paper-cifar10", "epochs": 9, "mixup": 0.1, "temperature": 2.0}
    made = rival_settings("sdb", paper, lam=0.7)
    assert made == WrapSettings.for_policy("sdb", {"preset": "paper-cifar10", "epochs": 9})
    assert (made.lam, made.optimiser, made.augment, made.start) == (0.5, "sgd", "shift-flip", "scratch")
    assert rival_settings("nasty", paper, lam=0.7).lam == 0.7
    assert rival_settings("sdb", {**paper, "lam": 0.6}, lam=0.6).lam == 0.6
    assert rival_settings("sdb", {}, lam=0.7) == WrapSettings.for_policy("sdb", {"lam": 0.7})


def test_a_policy_beside_whose_box_is_lost_costs_its_column_and_not_the_report(subject):
    report = compared(subject, "sdb", {"epochs": 1, "optimiser": "sgd", "lr": 1e4})
    assert report["comparison"] == {}
    [lost] = report["not_measured"]
    assert lost["what"] == "the policy sdb beside"
    assert "omega" in lost["why"]
    assert [row["name"] for row in report["attacks"]] == ["top-1"]


def test_an_attack_that_lacks_a_package_is_left_out_of_a_level_and_refused_by_name(subject, monkeypatch):
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    names = ["top-1", "out-of-distribution"]
    monkeypatch.setattr(measuring, "panel", lambda _level: named(names))
    report = make_report(subject, settings=dataclasses.replace(QUICK, seeds=1), run=Run("evaluate", 1))
    assert [row["name"] for row in report["attacks"]] == ["temperature-4", "top-1"]
    [left_out] = report["not_measured"]
    assert left_out["what"] == "the attack out-of-distribution"
    assert "pip install scikit-learn" in left_out["why"]
    with pytest.raises(DatasetUnreadable, match=r"out-of-distribution.*pip install scikit-learn"):
        make_report(subject, settings=dataclasses.replace(QUICK, attacks=tuple(names)), run=Run("evaluate", 1))


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


def test_a_kept_policy_beside_serves_the_model_that_it_was_made_of_alone(subject, tmp_path):
    settings = dataclasses.replace(QUICK, seeds=1, compare=("ke",), attacks=("top-1",))

    def beside(model: torch.nn.Module, **kept) -> dict:
        of_model = dataclasses.replace(subject, original=model)
        found = make_report(of_model, settings=settings, run=Run("evaluate", 1), config={"epochs": 1}, **kept)
        return found["comparison"]["ke"]

    other = copy.deepcopy(subject.original)
    with torch.no_grad():
        next(other.parameters()).mul_(-1.0)
    beside(subject.original, state_folder=tmp_path)
    assert beside(other, state_folder=tmp_path) == beside(other)
    states = list(tmp_path.glob("compare-ke-*.pt"))
    assert len(states) == 2
    beside(other, state_folder=tmp_path)
    assert sorted(tmp_path.glob("compare-ke-*.pt")) == sorted(states)


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
    found = verdicts.robustness(rows, box=value(95), scratch=value(90))
    assert (found["pass"], found["value"]) == (False, 1.5)
    assert "b" in found["why"]
