"""Students in bulk: each kind taught over the seeds through the one training loop, and kept over restarts."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import TrainingDiverged
from sdb_core.evaluation import accuracy
from sdb_core.files import write_atomically
from sdb_core.settings import StudentSettings
from sdb_core.subject import Subject
from sdb_core.training import Objective, Run, train

Scores = dict[str, list[float]]
Notes = dict[str, float | str]
STAGE = "students"


@dataclass(frozen=True, eq=False)
class Lesson:
    """How one kind of student is taught: what it starts from (by seed), its images, and the objective it follows.

    `notes` are what the teacher learned on the way and a reader may want to know.
    """

    new: Callable[[int], nn.Module]
    objective: Callable[[nn.Module], Objective]
    images: LabelledImages
    settings: StudentSettings
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of student: its name, what it depends on (`fingerprint`), and its lesson, made when it is needed."""

    name: str
    fingerprint: str
    lesson: Callable[[], Lesson]


@dataclass(frozen=True)
class Taught:
    """What came of all kinds, by their names: test accuracies [percent] and notes, or why it was `lost`."""

    scores: Scores
    notes: dict[str, Notes]
    lost: dict[str, str] = field(default_factory=dict)


def teach_all(
    kinds: Sequence[Kind],
    subject: Subject,
    *,
    seeds: int,
    run: Run,
    ledger: Path | None = None,
    needed: Collection[str] | None = None,
) -> Taught:
    """Teach `seeds` students of each kind and judge them on the test split; a name that comes twice is taught once.

    Those in the `ledger` are not taught again, and their lessons not made: a kind is known by its fingerprint, so
    students that do not depend on the box are still there for the next one. A kind whose training diverges is lost and
    the others are taught all the same, unless it is `needed` (None: all are). Raises what `training.train` raises.
    """
    known = _Ledger(ledger)
    by_name = {kind.name: kind for kind in kinds}
    taught, total = Taught({}, {}), len(by_name) * seeds
    for done, kind in enumerate(by_name.values()):
        scores: list[float] = []
        try:
            for score in _students(kind, subject, seeds=seeds, run=run, known=known):
                scores.append(score)
                run.observer.progress(STAGE, done * seeds + len(scores), total)
        except TrainingDiverged as error:
            if needed is None or kind.name in needed:
                raise
            taught.lost[kind.name] = error.message
            run.observer.progress(STAGE, (done + 1) * seeds, total)
        else:
            taught.scores[kind.name] = scores
            taught.notes[kind.name] = known.notes.get(_place(kind, run=run, number=0), {})
    return taught


def seed_for(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")


def quiet(run: Run, *, stage: str, seed: int) -> Run:
    """The same run for work inside a stage: it can be stopped, and tells nothing."""
    return dataclasses.replace(run, stage=stage, seed=seed, observer=_StopOnly(run), state_path=None)


def _students(kind: Kind, subject: Subject, *, seeds: int, run: Run, known: "_Ledger") -> Iterator[float]:
    """The test accuracy of one student of a kind after the other."""
    lesson = cache(kind.lesson)
    for number in range(seeds):
        place = _place(kind, run=run, number=number)
        if place not in known.scores:
            score = _taught(lesson(), subject, run=run, number=number)
            known.add(place, score, notes=lesson().notes)
            if known.path is not None:
                run.observer.checkpoint(known.path)
        yield known.scores[place]


def _place(kind: Kind, *, run: Run, number: int) -> str:
    return f"{kind.name}/{run.seed}/{number}/{kind.fingerprint}"


def _taught(lesson: Lesson, subject: Subject, *, run: Run, number: int) -> float:
    seed = seed_for(run.seed, f"student-{number}")
    student = lesson.new(seed)
    train(
        student,
        lesson.objective(student),
        lesson.images,
        normalisation=subject.normalisation,
        settings=lesson.settings,
        run=quiet(run, stage=STAGE, seed=seed),
    )
    return accuracy(student, subject.splits.test, normalisation=subject.normalisation)


class _Ledger:
    """Finished students on disk: a retried job goes on after the last one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.scores: dict[str, float] = {}
        self.notes: dict[str, Notes] = {}
        if path is not None and path.is_file():
            self.scores, self.notes = _kept_in(path.read_bytes())

    def add(self, name: str, score: float, *, notes: Notes) -> None:
        self.scores[name] = score
        if notes:
            self.notes[name] = notes
        if self.path is not None:
            write_atomically(self.path, json.dumps({"scores": self.scores, "notes": self.notes}).encode())


def _kept_in(content: bytes) -> tuple[dict[str, float], dict[str, Notes]]:
    try:
        kept: dict[str, Any] = json.loads(content)
        scores = {str(name): float(score) for name, score in kept["scores"].items()}
        return scores, {str(name): dict(notes) for name, notes in kept["notes"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, {}  # a damaged ledger costs the students, never the job


class _StopOnly:
    """Passes on the wish to stop; a student's own steps are of no interest."""

    def __init__(self, run: Run) -> None:
        self.should_stop = run.observer.should_stop

    def progress(self, stage: str, done: int, total: int) -> None:
        """Nothing."""

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def checkpoint(self, path: Path) -> None:
        """Nothing."""
