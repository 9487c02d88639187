"""The panel runs on the smallest task there is, of two classes, and with a program for a student."""

import dataclasses

import pytest
import torch

from sdb_core import losses
from sdb_core import report as reporting
from sdb_core.attacks import PANEL, Scene, measure, named
from sdb_core.attacks.measuring import chosen
from sdb_core.attacks.second_peak import without_second
from sdb_core.datasets import LabelledImages, Splits
from sdb_core.distillation import new_student
from sdb_core.errors import ArchitectureRefused, InvalidSettings, UnknownArchitecture
from sdb_core.nets import Architecture
from sdb_core.report import make_report
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.students import Classroom, check_student
from sdb_core.training import Run
from sdb_core.wrapping import wrap
from tests.core.attacks.conftest import RUN, SETTINGS
from tests.core.conftest import bars
from tests.core.programs.making import Tiny, exported, opened, used


@pytest.fixture(scope="module")
def of_two(subject):
    """A subject of two classes: the bars in the upper and in the middle part."""

    def halved(images: LabelledImages) -> LabelledImages:
        kept = images.take((images.labels < 2).nonzero().squeeze(1))
        return LabelledImages(kept.images, kept.labels, images.class_names[:2])

    splits = Splits(train=halved(bars(60, seed=0)), test=halved(bars(30, seed=1)))
    architecture = Architecture("sdb:cnn-mini", 2, 1, 8, 8)
    original = new_student(architecture, seed=0, device=torch.device("cpu"))
    settings = WrapSettings.for_policy("sdb-hardened", {"epochs": 1, "batch_size": 20})
    facts = {"policy": "sdb-hardened", "settings": settings, "architecture": architecture}
    box = wrap(original, splits.train, subject.key, run=Run("wrap", 0), **facts)
    return dataclasses.replace(
        subject, original=original, box=box.net, splits=splits, architecture=architecture, settings=settings
    )


def test_every_attack_runs_on_two_classes(of_two):
    rows = measure(PANEL, of_two, settings=SETTINGS, run=RUN)
    assert [row["name"] for row in rows] == [attack.name for attack in PANEL]


def test_of_two_classes_a_dropped_second_peak_leaves_the_named_class():
    found = without_second(torch.tensor([[-0.4, -1.1], [-3.0, -0.05]]))
    assert torch.softmax(found / 20.0, dim=1).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_decoy_targets_shares_add_up_to_1_and_keep_their_order(classes):
    top = torch.arange(classes)
    target = losses.decoy_target(top, (top + 1) % classes, classes=classes, top_share=0.6, decoy_share=0.3)
    assert torch.allclose(target.sum(dim=1), torch.ones(classes))
    assert torch.allclose(target[0, 0] / target[0, 1], torch.tensor(2.0))
    assert target.argmax(dim=1).tolist() == top.tolist()


def test_a_program_for_a_student_is_spared_what_reads_layers_and_refused_by_name(subject, tmp_path):
    settings = EvaluationSettings(level="standard", student="program")
    run, left_out = chosen(settings, model="sdb:cnn")
    usual, _ = chosen(EvaluationSettings(level="standard"), model="sdb:cnn")
    assert set(usual) - set(run) == set(named(["skeptical"]))
    assert "a program shows none" in left_out["skeptical"]
    program = Architecture("program", 3, 1, 8, 8, source=opened(exported(used(Tiny())), tmp_path))
    room = Classroom(
        dataclasses.replace(subject, architecture=program), dataclasses.replace(SETTINGS, student="program"), run=RUN
    )
    attack = named(["skeptical"])[0]
    with pytest.raises(InvalidSettings, match="a program shows none"):
        attack.prepare(Scene(room, attack)).new(0)


WRONG_STUDENTS = {
    "sdb:cmn": (UnknownArchitecture, "sdb:cnn"),
    "torchvision:vit_b_16": (ArchitectureRefused, "reads 3 channels"),
    "program": (ArchitectureRefused, "choose a named network"),
}


@pytest.mark.parametrize("student", WRONG_STUDENTS)
def test_a_student_that_cannot_be_taught_is_refused_before_anything_is_trained(subject, monkeypatch, student):
    error, cure = WRONG_STUDENTS[student]
    for trained in ("wrap", "teach_all"):
        monkeypatch.setattr(reporting, trained, None)
    settings = dataclasses.replace(SETTINGS, student=student, compare=("sdb",))
    with pytest.raises(error, match=rf"needs another student\..*{cure}"):
        make_report(subject, settings=settings, run=RUN)
    check_student(dataclasses.replace(settings, level="none"), subject.architecture)


@pytest.mark.parametrize("student", ["sdb:cnn", "program"])
def test_a_student_that_can_is_let_through_and_no_random_number_is_drawn(tmp_path, student):
    program = Architecture("program", 3, 1, 8, 8, source=opened(exported(used(Tiny())), tmp_path))
    before = torch.get_rng_state()
    check_student(dataclasses.replace(SETTINGS, student=student), program)
    assert torch.equal(torch.get_rng_state(), before)
