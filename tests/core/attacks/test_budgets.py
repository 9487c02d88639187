"""What an attack asks of the box is what it declares, and what students share is asked once."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from sdb_core.answers import live, logits_of, teacher_answers
from sdb_core.attacks import PANEL, Scene, measure, named
from sdb_core.settings import StudentSettings
from sdb_core.students import Classroom
from sdb_core.training import Batch, Run, train
from tests.core.attacks.conftest import RUN, SETTINGS

AUGMENTED = dataclasses.replace(
    SETTINGS, student_settings=StudentSettings(epochs=2, batch_size=32, augment="shift-flip")
)
STRANGERS = [attack for attack in PANEL if attack.holds != "weights"]


class Counting(nn.Module):
    """A net that counts the images it answers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.images = net, []

    def forward(self, x: Tensor) -> Tensor:
        self.images += [image.numpy().tobytes() for image in x.contiguous()]
        return self.net(x)


def asked(attack, subject, settings) -> tuple[list[bytes], int]:
    """The images that one student's attack asks the box about, and how many it declares."""
    box = Counting(subject.box)
    room = Classroom(dataclasses.replace(subject, box=box), settings, run=RUN)
    lesson = attack.prepare(Scene(room, attack))
    student = lesson.new(0)
    scale = {"normalisation": subject.normalisation}
    train(student, lesson.objective(student), lesson.images, settings=lesson.settings, run=Run("s", 0), **scale)
    return box.images, attack.query_budget(room)


@pytest.mark.parametrize("attack", STRANGERS, ids=[attack.name for attack in STRANGERS])
def test_an_attack_asks_about_each_image_once_where_images_stay_as_they_are(attack, subject):
    images, declared = asked(attack, subject, SETTINGS)
    assert len(set(images)) == declared


@pytest.mark.parametrize("name", ["temperature-4", "linear-undo", "class-map-undo", "scm", "half-data", "mean-key"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_an_attack_asks_no_more_than_it_declares_where_images_are_augmented(name, accumulate, subject):
    taught = dataclasses.replace(AUGMENTED.student_settings, accumulate=accumulate)
    images, declared = asked(named([name])[0], subject, dataclasses.replace(AUGMENTED, student_settings=taught))
    assert len(images) == declared


def test_who_holds_the_weights_declares_what_the_search_for_a_key_reads(room):
    recovery, tuned = named(["key-recovery", "fine-tuned-box"])
    assert recovery.query_budget(room) == 200 * 96 + 96  # of 128 images a step, had there been as many
    assert tuned.query_budget(room) == 0


def test_all_students_of_a_report_share_one_pass_over_each_set_of_images(subject):
    box, original = Counting(subject.box), Counting(subject.original)
    watched = dataclasses.replace(subject, box=box, original=original)
    some = named(["temperature-1", "top-1", "sharpened", "soft-no-truth", "half-data", "larger-student"])
    measure(some, watched, settings=SETTINGS, run=RUN)
    assert len(box.images) == len(original.images) == 96 + 48
    assert set(box.images) == set(original.images)


@pytest.mark.parametrize("with_key", [False, True])
def test_kept_answers_are_those_that_the_net_gives_live(subject, with_key):
    key, images = subject.key if with_key else None, subject.splits.train
    scale = {"normalisation": subject.normalisation, "key": key}
    index = torch.tensor([5, 70, 0, 33])
    x = subject.normalisation(images.images[index])
    batch = Batch(index, x, images.labels[index], torch.Generator())
    kept = teacher_answers(subject.box, images, settings=StudentSettings(), **scale)(batch)
    asked_now = teacher_answers(subject.box, images, settings=StudentSettings(augment="shift"), **scale)(batch)
    assert torch.allclose(kept, asked_now, atol=1e-5)
    assert torch.allclose(kept, live(subject.box, key.embed(x) if key else x), atol=1e-5)
    assert torch.equal(kept, logits_of(subject.box, images, **scale)[index])
