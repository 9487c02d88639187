"""The students that a report is made of: who teaches each one, and how well it learned, kept over restarts."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from sdb_core.answers import Answers, teacher_answers
from sdb_core.distillation import label_objective, named_label_objective, new_student, soft_objective
from sdb_core.evaluation import accuracy
from sdb_core.files import write_atomically
from sdb_core.keys import Key
from sdb_core.settings import EvaluationSettings
from sdb_core.subject import Subject, weights_digest
from sdb_core.training import Objective, Run, train

Scores = dict[str, list[float]]
TEMPERATURES = (1.0, 8.0, 16.0)
RANDOM_KEYS = 3
_STAGE = "students"


@dataclass(frozen=True)
class Kind:
    """One kind of student: its name and the objective that it follows."""

    name: str
    objective: Callable[[nn.Module], Objective]


def report_kinds(subject: Subject, settings: EvaluationSettings) -> list[Kind]:
    """The students of the report's rows, then those of its attackers."""
    taught = settings.student_settings
    original = _answers(subject, subject.original, settings)
    closed = _answers(subject, subject.box, settings)
    kinds = [
        Kind("scratch", lambda net: label_objective(net, smoothing=0.0)),
        Kind("label_smoothing", lambda net: label_objective(net, smoothing=taught.smoothing)),
        Kind("from_original", lambda net: soft_objective(net, original, settings=taught)),
        *stream_kinds(subject, settings),
        Kind("original_labels", lambda net: named_label_objective(net, original, alpha=taught.alpha)),
        Kind("label-only", lambda net: named_label_objective(net, closed, alpha=taught.alpha)),
    ]
    kinds += [_at_temperature(value, closed, settings) for value in TEMPERATURES]
    return kinds + [_with_random_key(number, subject, settings) for number in range(1, RANDOM_KEYS + 1)]


def stream_kinds(subject: Subject, settings: EvaluationSettings, *, prefix: str = "") -> list[Kind]:
    """The students of the box's two streams."""
    closed = _answers(subject, subject.box, settings)
    opened = _answers(subject, subject.box, settings, key=subject.key)
    taught = settings.student_settings
    return [
        Kind(f"{prefix}closed", lambda net: soft_objective(net, closed, settings=taught)),
        Kind(f"{prefix}open", lambda net: soft_objective(net, opened, settings=taught)),
    ]


def teach_all(
    kinds: list[Kind], subject: Subject, settings: EvaluationSettings, *, run: Run, ledger: Path | None
) -> Scores:
    """Test accuracy [percent] of `settings.seeds` students of each kind; those in the `ledger` are not taught again."""
    known = _Ledger(ledger, fingerprint=_fingerprint(subject, settings, run=run))
    total = len(kinds) * settings.seeds
    scores: Scores = {}
    for kind in kinds:
        for number in range(settings.seeds):
            name = f"{kind.name}/{number}"
            if name not in known.scores:
                known.add(name, _taught(kind, subject, settings, run=run, number=number))
                if ledger is not None:
                    run.observer.checkpoint(ledger)
            scores.setdefault(kind.name, []).append(known.scores[name])
            run.observer.progress(_STAGE, sum(map(len, scores.values())), total)
    return scores


def random_key(like: Key, *, seed: int, number: int) -> Key:
    """The wrong key that an attacker without the key would draw."""
    generator = torch.Generator().manual_seed(_seed(seed, f"random-key-{number}"))
    return Key.random(tuple(like.kappa.shape), mean=like.mean, std=like.std, lam=like.lam, generator=generator)


def _taught(kind: Kind, subject: Subject, settings: EvaluationSettings, *, run: Run, number: int) -> float:
    seed = _seed(run.seed, f"student-{number}")
    student = new_student(subject.architecture.named(settings.student), seed=seed, device=run.device)
    quiet = dataclasses.replace(run, stage=_STAGE, seed=seed, observer=_StopOnly(run), state_path=None)
    train(
        student,
        kind.objective(student),
        subject.splits.train,
        normalisation=subject.normalisation,
        settings=settings.student_settings,
        run=quiet,
    )
    return accuracy(student, subject.splits.test, normalisation=subject.normalisation)


def _answers(subject: Subject, net: nn.Module, settings: EvaluationSettings, *, key: Key | None = None) -> Answers:
    return teacher_answers(
        net,
        subject.splits.train,
        normalisation=subject.normalisation,
        settings=settings.student_settings,
        key=key,
    )


def _at_temperature(temperature: float, closed: Answers, settings: EvaluationSettings) -> Kind:
    taught = dataclasses.replace(settings.student_settings, temperature=temperature)
    return Kind(f"temperature-{temperature:g}", lambda net: soft_objective(net, closed, settings=taught))


def _with_random_key(number: int, subject: Subject, settings: EvaluationSettings) -> Kind:
    key = random_key(subject.key, seed=subject.seed, number=number)
    answers = _answers(subject, subject.box, settings, key=key)
    return Kind(f"random-key-{number}", lambda net: soft_objective(net, answers, settings=settings.student_settings))


def _seed(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")


def _fingerprint(subject: Subject, settings: EvaluationSettings, *, run: Run) -> str:
    facts = [
        settings.student,
        settings.student_settings.to_dict(),
        run.seed,
        weights_digest(subject.original),
        weights_digest(subject.box),
        subject.key.digest(),
        subject.splits.digest(),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


class _Ledger:
    """Finished students on disk: a retried job goes on after the last one."""

    def __init__(self, path: Path | None, *, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.scores: dict[str, float] = {}
        if path is not None and path.is_file():
            self.scores = _scores_in(path.read_bytes(), fingerprint=fingerprint)

    def add(self, name: str, score: float) -> None:
        self.scores[name] = score
        if self.path is not None:
            content = {"fingerprint": self.fingerprint, "scores": self.scores}
            write_atomically(self.path, json.dumps(content).encode())


def _scores_in(content: bytes, *, fingerprint: str) -> dict[str, float]:
    try:
        kept = json.loads(content)
        if kept["fingerprint"] != fingerprint:
            return {}
        return {str(name): float(score) for name, score in kept["scores"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # a damaged ledger costs the students, never the job


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
