"""What a traced key costs who is allowed to use it, and what it costs a leaker to get rid of the trace.

    python -m bench.tracing_cost --trembling --out FILE
    python -m bench.tracing_cost --data FOLDER --train 3000 --out bench/results/tracing_cifar10.json

FOLDER holds CIFAR-10 as `train.parquet` and `test.parquet`; without it the builtin digits are used. Each seed has its
own original, key and box (`sdb-hardened`); with `--trembling` also a box that was wrapped with a key that trembles.
Every row is one key to blend with: `open`, the box's accuracy on x~; `torn`, how far its softened answers (T = 4) lie
from those under kappa (KL, in thousandths); `student`, the accuracy of who learns from them, and `lost`, how far it
stays below the student of the same start under kappa; `z` and `accused`, how the trace ends among 100 licenses. Shares
and noise are in deviations of a key. `recovered` is a key found through the weights, `average` that of ten customers.
"""

import argparse
import dataclasses
import json
import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench import tracing_boxes
from bench.tracing_boxes import STUDENT, Scale
from sdb_core.answers import logits_of
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.key_recovery import recovered
from sdb_core.datasets import Splits
from sdb_core.distillation import distill, new_student
from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.settings import EvaluationSettings
from sdb_core.students import Classroom
from sdb_core.subject import Subject
from sdb_core.training import Run
from sdb_service import tracing
from sdb_service.secret import Secret

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)
NOISE = (0.25, 0.5, 1.0, 2.0)
LICENSES, MARKS = 100, 10
FIELDS = ("open", "torn", "student", "lost", "z", "accused")
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """One box, its licenses' marks, and what is measured with them."""

    subject: Subject
    scale: Scale
    marks: list[tuple[str, Any]]
    right: Tensor

    @staticmethod
    def of(subject: Subject, scale: Scale) -> "Place":
        secret = Secret(f"{subject.seed}".rjust(32).encode())
        marks = [(f"lic_{n}", tracing.mark_of(secret, f"lic_{n}", subject.key.kappa.shape)) for n in range(LICENSES)]
        return Place(subject, scale, marks, _softened(subject, subject.key))

    def rows(self) -> Iterator[Row]:
        """Every key in turn; a student's `number` says what it starts from."""
        students = range(self.scale.students)
        yield from (self.row("closed", None, number=number) for number in students)
        yield from (self.row("kappa", self.subject.key, number=number) for number in students)
        for share in SHARES:
            for number in range(MARKS):
                yield self.row(f"traced {share}", self.traced(share, number), number=number)
        for size in NOISE:
            yield self.row(f"traced {tracing.SHARE}, noise {size}", self.noised(self.traced(tracing.SHARE, 0), size))
        ten = torch.stack([self.traced(tracing.SHARE, number).kappa for number in range(10)])
        yield self.row("average", dataclasses.replace(self.subject.key, kappa=ten.mean(dim=0)))
        yield self.row("recovered", self.recovered())

    def row(self, name: str, key: Key | None, *, number: int = 0) -> Row:
        """What one key gives; students are taught with the first keys of a kind alone."""
        log_q = _softened(self.subject, key)
        labels = self.subject.splits.test.labels
        found = {
            "key": name,
            "number": number,
            "open": 100 * float((log_q.argmax(dim=1) == labels).float().mean()),
            "torn": 1000 * float((self.right.exp() * (self.right - log_q)).sum(dim=1).mean()),
        }
        if number < self.scale.students:
            found["student"] = self.taught(key, number=number)
        if key is not None:
            scores = tracing.scores(key.kappa.numpy(), self.subject.key.kappa.numpy(), self.marks, licenses=LICENSES)
            found |= {"z": scores[0].z, "accused": sum(score.accused for score in scores)}
        return found

    def traced(self, share: float, number: int) -> Key:
        key = self.subject.key
        kappa = tracing.marked(key.kappa.numpy(), self.marks[number][1], std=key.std, share=share)
        return dataclasses.replace(key, kappa=torch.from_numpy(kappa))

    def noised(self, key: Key, size: float) -> Key:
        generator = torch.Generator().manual_seed(900 + self.subject.seed)
        noise = torch.randn(key.kappa.shape, generator=generator) / math.sqrt(12)
        return dataclasses.replace(key, kappa=key.kappa + size * noise / torch.tensor(key.std).view(-1, 1, 1))

    def recovered(self) -> Key:
        """A key found by gradient through the box's weights."""
        settings = EvaluationSettings(level="quick", student=STUDENT, student_settings=self.scale.student)
        room = Classroom(self.subject, settings, run=Run("evaluate", self.subject.seed))
        attack = Attack("found", "", interface="weights", holds="weights", prepare=lambda _: None)  # type: ignore
        return recovered(Scene(room, attack))[0]

    def taught(self, key: Key | None, *, number: int) -> float:
        """The accuracy of a student; one `number` starts alike under every key."""
        subject, seed = self.subject, 1000 * self.subject.seed + number
        student = new_student(subject.architecture.named(STUDENT), seed=seed, device=tracing_boxes.CPU)
        distill(
            student,
            subject.box,
            subject.splits.train,
            normalisation=subject.normalisation,
            settings=self.scale.student,
            run=Run("student", seed),
            key=key,
        )
        return accuracy(student, subject.splits.test, normalisation=subject.normalisation)


def main() -> None:
    given = _arguments()
    torch.set_num_threads(1)
    splits = tracing_boxes.images(given.data, given.train)
    scale = tracing_boxes.cifar_scale(given.students) if given.data else tracing_boxes.digits_scale(given.students)
    started, rows = time.process_time(), []
    for seed in range(given.seeds):
        for wrapped_with in ("kappa", "trembling")[: 1 + given.trembling]:
            rows += box_rows(splits, scale, seed=seed, wrapped_with=wrapped_with)
            _write(given, scale, rows, seconds=time.process_time() - started)


def box_rows(splits: Splits, scale: Scale, *, seed: int, wrapped_with: str) -> list[Row]:
    """Everything about one box."""
    subject = tracing_boxes.wrapped(splits, scale, seed=seed, trembling=wrapped_with == "trembling")
    original = accuracy(subject.original, splits.test, normalisation=subject.normalisation)
    rows: list[Row] = [{"seed": seed, "wrapped with": wrapped_with, "key": "(the original)", "open": original}]
    under_kappa: dict[int, float] = {}
    for row in Place.of(subject, scale).rows():
        if row["key"] == "kappa":
            under_kappa[row["number"]] = row["student"]
        if row["number"] in under_kappa:
            row["lost"] = under_kappa[row["number"]] - row["student"]
        rows.append({"seed": seed, "wrapped with": wrapped_with} | row)
        print(json.dumps(rows[-1]), flush=True)
    return rows


def _softened(subject: Subject, key: Key | None) -> Tensor:
    logits = logits_of(subject.box, subject.splits.test, normalisation=subject.normalisation, key=key)
    return F.log_softmax(logits / 4, dim=1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--students", type=int, default=2)
    parser.add_argument("--trembling", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _write(given: argparse.Namespace, scale: Scale, rows: list[Row], *, seconds: float) -> None:
    """Means, deviations and counts over all rows of a kind, and the rows."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(f"wrapped with {row['wrapped with']}: {row['key']}", []).append(row)
    result = {
        "data": f"CIFAR-10, {given.train} images" if given.data else "digits",
        "seeds": 1 + max(row["seed"] for row in rows),
        "config": {name: getattr(value, "to_dict", lambda v=value: v)() for name, value in vars(scale).items()},
        "cpu_seconds": round(seconds, 1),
        "mean_deviation_count": {name: _summary(own) for name, own in kinds.items()},
        "rows": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n")


def _summary(rows: list[Row]) -> dict[str, list[float]]:
    found = {}
    for name in FIELDS:
        values = [row[name] for row in rows if name in row]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            found[name] = [round(statistics.mean(values), 2), round(spread, 2), len(values)]
    return found


if __name__ == "__main__":
    main()
