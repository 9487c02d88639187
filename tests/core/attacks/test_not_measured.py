"""What could not be measured is named with its reason, and costs nothing else."""

import dataclasses
import json

import jsonschema
import pytest
import torch

from sdb_core import report as reporting
from sdb_core.attacks import Attack, Scene, measuring, named, panel
from sdb_core.attacks.measuring import chosen, lost_attacks
from sdb_core.errors import TrainingDiverged
from sdb_core.observer import SilentObserver
from sdb_core.report import SCHEMA_PATH, make_report
from sdb_core.students import Classroom, floor_kinds
from sdb_core.teaching import STAGE, Lesson, Taught
from sdb_core.training import Run
from tests.core.attacks.conftest import RUN, SETTINGS


class Torn(torch.nn.Module):
    """A box whose answers no student can learn from."""

    def __init__(self, box: torch.nn.Module) -> None:
        super().__init__()
        self.box = box

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.box(x) * torch.nan


class Told(SilentObserver):
    """Keeps the progress of the students."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def progress(self, stage, done, total) -> None:
        if stage == STAGE:
            self.told.append((done, total))


def too_fast(attack: Attack) -> Attack:
    """The same attack with a student that diverges."""

    def prepare(scene: Scene) -> Lesson:
        lesson = attack.prepare(scene)
        steep = dataclasses.replace(lesson.settings, optimiser="sgd", lr=1e30, clip=0.0, warmup=0.0, epochs=4)
        return dataclasses.replace(lesson, settings=steep)

    return dataclasses.replace(attack, prepare=prepare)


def test_an_attack_whose_student_diverges_is_left_out_and_the_others_are_measured(subject, monkeypatch):
    first, second = named(["label-only", "top-1"])
    monkeypatch.setattr(measuring, "panel", lambda _level: (too_fast(first), second))
    watcher = Told()
    report = make_report(
        subject, settings=dataclasses.replace(SETTINGS, seeds=2), run=Run("attack", 3, observer=watcher)
    )
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    assert [row["name"] for row in report["attacks"]] == ["temperature-4", "top-1"]
    [left_out] = report["not_measured"]
    assert left_out["what"] == "the attack label-only"
    assert "lower lr" in left_out["why"]
    assert watcher.told == [(number, 8 * 2) for number in (*range(1, 13), 14, 15, 16)]


def test_an_attack_is_left_out_too_where_a_student_of_its_floor_diverged(subject):
    room, attacks = Classroom(subject, SETTINGS, run=RUN), named(["label-only", "half-data"])
    floor = floor_kinds(room, attacks[1].group(room))["original_labels"]
    assert lost_attacks(attacks, room, Taught({}, {}, {floor.name: "so"})) == {"half-data": "so"}


def test_a_student_of_the_reports_rows_that_diverges_ends_it(subject):
    """The row "closed" is the attack temperature-4 as well."""
    settings = dataclasses.replace(SETTINGS, attacks=("temperature-4",))
    with pytest.raises(TrainingDiverged):
        make_report(dataclasses.replace(subject, box=Torn(subject.box)), settings=settings, run=RUN)


def test_a_policy_beside_whose_student_diverges_costs_its_column_and_not_the_report(subject, monkeypatch):
    torn = dataclasses.replace(subject, box=Torn(subject.box))
    monkeypatch.setattr(reporting, "_rival", lambda *_, **__: torn)
    settings = dataclasses.replace(SETTINGS, compare=("sdb",), attacks=("top-1",))
    report = make_report(subject, settings=settings, run=RUN)
    assert report["comparison"] == {}
    assert [lost["what"] for lost in report["not_measured"]] == ["the policy sdb beside"]


def test_a_larger_student_is_left_out_where_the_usual_one_is_as_large(subject, monkeypatch):
    monkeypatch.setattr(measuring, "panel", lambda _level: named(["larger-student", "fine-tuned-box"]))
    settings = dataclasses.replace(SETTINGS, student=subject.architecture.name)
    report = make_report(subject, settings=settings, run=RUN)
    assert [row["name"] for row in report["attacks"]] == ["temperature-4", "fine-tuned-box"]
    [left_out] = report["not_measured"]
    assert left_out["what"] == "the attack larger-student"
    assert "sdb:cnn-mini, as large as the model" in left_out["why"]


@pytest.mark.parametrize("student", ["sdb:cnn", "sdb:cnn-small", "program"])
@pytest.mark.parametrize("level", ["quick", "standard", "full"])
def test_a_level_runs_each_of_its_attacks_or_says_why_not(student, level):
    settings = dataclasses.replace(SETTINGS, level=level, student=student)
    attacks, left_out = chosen(settings, model="sdb:cnn")
    run = [attack.name for attack in attacks]
    assert sorted([*run, *left_out]) == sorted(attack.name for attack in panel(level))
    assert not set(run) & set(left_out)
    assert all(len(why) > 30 for why in left_out.values())
