"""The two tasks that evidence is measured on: digits, and a subset of CIFAR-10."""

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdb_core.datasets import Splits, open_dataset
from sdb_core.datasets.images import LabelledImages, stratified_split
from sdb_core.distillation import fit, new_student
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import StudentSettings, TrainingSettings, WrapSettings, over_preset
from sdb_core.subject import Subject, weights_digest
from sdb_core.training import Run
from sdb_core.wrapping import wrap

CPU = torch.device("cpu")
_KEY_SEEDS = 10_000
_FOLD_SHARE = 0.2


@dataclass(frozen=True)
class Task:
    """What is wrapped, on which data, and who steals it.

    `train` and `test` images are the first so many of the data set's splits (0: all of them). `wrap` are settings over
    each policy's defaults, `hardened` over these for ours alone.
    """

    name: str
    net: str
    student: str
    original: TrainingSettings
    students: StudentSettings
    wrap: dict[str, Any] = field(default_factory=dict)
    hardened: dict[str, Any] = field(default_factory=dict)
    train: int = 0
    test: int = 0


_PHOTOGRAPHS: dict[str, Any] = {"preset": "photographs"}
TASKS = {
    "digits": Task(
        name="digits",
        net="sdb:cnn-mini",
        student="sdb:cnn-small",
        original=TrainingSettings(epochs=30, batch_size=64),
        students=StudentSettings(),
    ),
    "cifar10": Task(
        name="cifar10",
        net="sdb:cnn",
        student="sdb:cnn-strided",
        original=TrainingSettings.from_dict(over_preset(_PHOTOGRAPHS, "original")),
        students=StudentSettings.from_dict(over_preset(_PHOTOGRAPHS, "student")),
        wrap=_PHOTOGRAPHS,
        train=2500,
        test=10_000,
    ),
}


def in_precision(task: Task, precision: str) -> Task:
    """The task with every training in this precision; bfloat16 pays where the processor computes in it."""
    return dataclasses.replace(
        task,
        original=dataclasses.replace(task.original, precision=precision),
        students=dataclasses.replace(task.students, precision=precision),
        wrap={**task.wrap, "precision": precision},
    )


def opened(task: Task, data: str | Path) -> Splits:
    """The task's images: from `builtin:digits`, or from a folder with the usual files (`open_dataset`)."""
    splits = open_dataset(data)
    return Splits(train=_first(splits.train, task.train), test=_first(splits.test, task.test))


def fold(task: Task, data: str | Path, *, seed: int) -> Splits:
    """Training images alone, to choose on: judged on the last ones that the task leaves, else on a fifth of its own."""
    whole = open_dataset(data).train
    train = _first(whole, task.train)
    if len(train) + task.test > len(whole) or not task.test:
        return Splits(*stratified_split(train, share=_FOLD_SHARE, seed=seed))
    return Splits(train=train, test=whole.take(torch.arange(len(whole) - task.test, len(whole))))


def original_of(task: Task, splits: Splits, *, seed: int) -> nn.Module:
    """A provider's model, trained with this seed."""
    net = new_student(architecture_of(task, splits), seed=seed, device=CPU)
    scale = Normalisation.measured(splits.train.images)
    fit(net, splits.train, normalisation=scale, settings=task.original, run=Run("original", seed))
    return net


def wrapped(
    task: Task,
    original: nn.Module,
    splits: Splits,
    *,
    seed: int,
    policy: str = "sdb-hardened",
    values: dict[str, Any] | None = None,
) -> Subject:
    """The original's box under this policy, with a key of its own."""
    architecture, scale = architecture_of(task, splits), Normalisation.measured(splits.train.images)
    settings = WrapSettings.for_policy(policy, {**task.wrap, **(values or {})})
    generator = torch.Generator().manual_seed(_KEY_SEEDS + seed)
    key = Key.random(architecture.shape, mean=scale.mean, std=scale.std, lam=settings.lam, generator=generator)
    started = time.monotonic()
    result = wrap(
        original,
        splits.train,
        key,
        policy=policy,
        settings=settings,
        architecture=architecture,
        run=Run("wrap", seed),
    )
    return Subject(
        original=original,
        box=result.net,
        key=key,
        splits=splits,
        architecture=architecture,
        policy=policy,
        settings=settings,
        seed=seed,
        history=result.history,
        model_sha256=weights_digest(original),
        wrap_seconds=time.monotonic() - started,
    )


def described(task: Task) -> dict[str, Any]:
    """The task as JSON values."""
    return {
        **{item.name: getattr(task, item.name) for item in dataclasses.fields(task)},
        "original": task.original.to_dict(),
        "students": task.students.to_dict(),
    }


def architecture_of(task: Task, splits: Splits) -> Architecture:
    """The original's net for these images."""
    return Architecture(task.net, len(splits.train.class_names), *splits.shape)


def _first(images: LabelledImages, count: int) -> LabelledImages:
    return images.take(torch.arange(min(count, len(images)))) if count else images
