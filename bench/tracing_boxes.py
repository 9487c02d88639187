"""The boxes that `bench/tracing_cost.py` measures: small ones, of a size that fits the time."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdb_core.datasets import Splits, open_dataset
from sdb_core.distillation import fit, new_student
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import StudentSettings, TrainingSettings, WrapSettings
from sdb_core.subject import Subject
from sdb_core.training import Run
from sdb_core.wrapping import wrap

CPU = torch.device("cpu")
POLICY = "sdb-hardened"
STUDENT = "sdb:cnn-small"
TREMBLE = 0.5


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large everything is; `students` for each key that is not one of many."""

    net: str
    original: TrainingSettings
    wrap: WrapSettings
    student: StudentSettings
    students: int


@dataclasses.dataclass(frozen=True, eq=False)
class Trembling(Key):
    """A key with other noise in every blend: what a box would be wrapped with that is to bear marks."""

    def embed(self, x: Tensor) -> Tensor:
        size = TREMBLE / math.sqrt(12) / torch.tensor(self.std).view(-1, 1, 1)
        return super().embed(x) + (1 - self.lam) * size * torch.randn(x.shape)


def digits_scale(students: int) -> Scale:
    original = TrainingSettings(epochs=30, batch_size=64)
    return Scale("sdb:cnn-mini", original, WrapSettings.for_policy(POLICY), StudentSettings(), students)


def cifar_scale(students: int) -> Scale:
    """Short of what a good box needs: enough to tell the streams apart."""
    fast: dict[str, Any] = {"batch_size": 64, "precision": "bfloat16"}
    original = TrainingSettings(epochs=15, augment="shift-flip", **fast)
    wrapping = WrapSettings.for_policy(POLICY, {"epochs": 12, "lr": 2e-3, **fast})
    return Scale("sdb:cnn", original, wrapping, StudentSettings(epochs=8, **fast), students)


def images(data: Path | None, count: int) -> Splits:
    """The digits, or `count` training images of CIFAR-10: every prefix of its rows is balanced."""
    if data is None:
        return open_dataset("builtin:digits")
    splits = open_dataset(str(data))
    return Splits(train=splits.train.take(torch.arange(count)), test=splits.test.take(torch.arange(2000)))


def wrapped(splits: Splits, scale: Scale, *, seed: int, trembling: bool) -> Subject:
    """A trained original and its box, from this seed."""
    channels, height, width = splits.train.images.shape[1:]
    architecture = Architecture(scale.net, len(splits.train.class_names), channels, height, width)
    normalisation = Normalisation.measured(splits.train.images)
    original = new_student(architecture, seed=seed, device=CPU)
    fit(original, splits.train, normalisation=normalisation, settings=scale.original, run=Run("original", seed))
    key = Key.random(
        architecture.shape,
        mean=normalisation.mean,
        std=normalisation.std,
        lam=scale.wrap.lam,
        generator=torch.Generator().manual_seed(10_000 + seed),
    )
    torch.manual_seed(seed)  # for what trembles
    box = wrap(
        original,
        splits.train,
        Trembling(key.kappa, key.lam, key.mean, key.std) if trembling else key,
        policy=POLICY,
        settings=scale.wrap,
        architecture=architecture,
        run=Run("wrap", seed),
    ).net
    return Subject(original, box, key, splits, architecture, POLICY, scale.wrap, seed)
