"""The students that a report is made of: who teaches each one, and the floors that attacks are measured against."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from sdb_core import __version__
from sdb_core.answers import Answers, teacher_answers
from sdb_core.datasets.images import LabelledImages
from sdb_core.distillation import label_objective, named_label_objective, new_student, soft_objective
from sdb_core.errors import ArchitectureRefused, ArchitectureUnavailable, UnknownArchitecture
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.nets.trial import check_answers
from sdb_core.queries import IMAGE_SETS, without_labels
from sdb_core.settings import EvaluationSettings, StudentSettings
from sdb_core.subject import Subject, code_version, weights_digest
from sdb_core.teaching import Kind, Lesson, Scores, seed_for, teach_all
from sdb_core.training import CPU, Objective, Run

ROWS = ("scratch", "label_smoothing", "from_original", "closed", "open", "original_labels")
_Maker = Callable[[nn.Module], Objective]


@dataclass(frozen=True)
class Group:
    """Students alike but for their teacher: the architecture, the set of images, whether it is labelled."""

    student: str
    images: str = "train"
    truth: bool = True


def check_student(settings: EvaluationSettings, architecture: Architecture) -> None:
    """Build the student once for the inputs of a model of this `architecture`, before anything is trained.

    Nothing at level "none", which teaches none. Raises UnknownArchitecture, ArchitectureRefused or
    ArchitectureUnavailable.
    """
    if settings.level == "none":
        return
    student = architecture.named(settings.student)
    try:
        net = new_student(student, seed=0, device=CPU)
        check_answers(net, student.name, num_classes=student.num_classes, shape=student.shape)
    except (UnknownArchitecture, ArchitectureRefused, ArchitectureUnavailable) as error:
        raise type(error)(f"The evaluation needs another student. {error.message}") from error


class Classroom:
    """What all students of one report share: the data, the teachers' answers (one pass each), the settings."""

    def __init__(self, subject: Subject, settings: EvaluationSettings, *, run: Run) -> None:
        self.subject, self.run = subject, run
        self.taught = settings.student_settings
        self.home = Group(settings.student)
        self._images: dict[str, LabelledImages] = {}
        self._answers: dict[tuple[str, str, str], Answers] = {}

    def images(self, group: Group) -> LabelledImages:
        """A group's images, without labels where it has no truth."""
        if group.images not in self._images:
            made = IMAGE_SETS[group.images].make(self.subject.splits.train, seed_for(self.run.seed, group.images))
            self._images[group.images] = made
        images = self._images[group.images]
        return images if group.truth else without_labels(images)

    def settings(self, group: Group) -> StudentSettings:
        """How a group is taught: all by the teacher (alpha 1) where it has no labels."""
        return self.taught if group.truth else dataclasses.replace(self.taught, alpha=1.0)

    def answers(self, teacher: str, group: Group, *, key: Key | None = None) -> Answers:
        """What the "original" or the "box" answers about a group's images, with a `key` about its blends."""
        place = (teacher, group.images, key.digest() if key else "")
        if place not in self._answers:
            net: nn.Module = getattr(self.subject, teacher)
            self._answers[place] = teacher_answers(
                net, self.images(group), normalisation=self.subject.normalisation, settings=self.taught, key=key
            )
        return self._answers[place]

    def queries(self, group: Group) -> int:
        """How many answers teach one student: one for each image, or one for each look at an augmented one."""
        count = len(self.images(group))
        if self.taught.augment == "none":
            return count
        batch = min(self.taught.batch_size, count)
        batch -= batch % self.taught.accumulate  # as `training.Batches` cuts it
        return batch * max(self.taught.epochs * (count // batch), self.taught.min_steps)

    def lesson(self, group: Group, objective: _Maker) -> Lesson:
        """A group's lesson with this objective."""
        architecture = self.subject.architecture
        if group.student != architecture.name:
            architecture = architecture.named(group.student)
        return Lesson(
            new=lambda seed: new_student(architecture, seed=seed, device=self.run.device),
            objective=objective,
            images=self.images(group),
            settings=self.settings(group),
        )

    def kind(self, name: str, group: Group, objective: Callable[[], _Maker], *digests: str) -> Kind:
        """A kind of student that depends on the data, the group's settings, and what the `digests` stand for."""
        return Kind(name, self.fingerprint(name, group, *digests), lambda: self.lesson(group, objective()))

    def fingerprint(self, name: str, group: Group, *digests: str) -> str:
        """What must agree for a kept score to be this kind's."""
        scale = self.subject.normalisation
        facts: list[Any] = [code_version(__version__), name, dataclasses.asdict(group), self.settings(group).to_dict()]
        facts += [self.subject.architecture.named(group.student).to_dict(), self._data_digest]
        facts += [scale.mean, scale.std, *digests]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    @cached_property
    def original_digest(self) -> str:
        """The original's weights."""
        return weights_digest(self.subject.original)

    @cached_property
    def box_digest(self) -> str:
        """The box's weights, its key, and the original's."""
        return f"{self.original_digest}/{weights_digest(self.subject.box)}/{self.subject.key.digest()}"

    @cached_property
    def _data_digest(self) -> str:
        return self.subject.splits.digest()


def report_kinds(room: Classroom) -> list[Kind]:
    """The students of the report's rows (ROWS)."""
    scratch = room.kind("scratch", room.home, lambda: lambda net: label_objective(net, smoothing=0.0))
    return [scratch, *floor_kinds(room, room.home).values(), *stream_kinds(room)]


def floor_kinds(room: Classroom, group: Group) -> dict[str, Kind]:
    """The students that need no box: "label_smoothing" (with truth), "from_original" and "original_labels".

    The last has the class that the original names for each query and nothing else: what right predictions give away.
    """
    taught = room.settings(group)

    def soft() -> _Maker:
        answers = room.answers("original", group)
        return lambda net: soft_objective(net, answers, settings=taught)

    def named() -> _Maker:
        answers = room.answers("original", group)
        return lambda net: named_label_objective(net, answers, alpha=taught.alpha)

    kinds = {}
    if group.truth:
        smooth = _named("label_smoothing", group, room)
        kinds["label_smoothing"] = room.kind(
            smooth, group, lambda: lambda net: label_objective(net, smoothing=taught.smoothing)
        )
    for name, objective in (("from_original", soft), ("original_labels", named)):
        kinds[name] = room.kind(_named(name, group, room), group, objective, room.original_digest)
    return kinds


def stream_kinds(room: Classroom, *, prefix: str = "") -> list[Kind]:
    """The students of the box's two streams."""

    def stream(key: Key | None) -> _Maker:
        answers = room.answers("box", room.home, key=key)
        return lambda net: soft_objective(net, answers, settings=room.taught)

    return [
        room.kind(f"{prefix}closed", room.home, lambda: stream(None), room.box_digest),
        room.kind(f"{prefix}open", room.home, lambda: stream(room.subject.key), room.box_digest),
    ]


def _named(name: str, group: Group, room: Classroom) -> str:
    if group == room.home:
        return name
    return f"{name} of {group.student}, {group.images}, {'labelled' if group.truth else 'unlabelled'}"


__all__ = [
    "ROWS",
    "Classroom",
    "Group",
    "Kind",
    "Scores",
    "check_student",
    "floor_kinds",
    "report_kinds",
    "stream_kinds",
    "teach_all",
]
