"""What a scale is: how many images, which nets, and how its recipes differ from the papers' presets."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.paper_tables.cells import FIRST, SECOND, Recipe
from sdb_core.settings import StudentSettings, TrainingSettings, WrapSettings, over_preset

PRESET = {FIRST: "paper-cifar10", SECOND: "paper-cifar100"}
Values = Mapping[str, Any]
_Some = TypeVar("_Some", bound=TrainingSettings)


@dataclass(frozen=True)
class Nets:
    """Who teaches whom: on the first data set (`others` in Table 4), and on the second."""

    teacher: str
    students: tuple[str, ...]
    others: tuple[str, ...]
    second_teacher: str
    second_students: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """One scale.

    `train` and `test` bound the images (0: all). `original`, `box` (the paper's policies), `hardened` (ours) and
    `students` stand over the paper's preset for the data. `differs`: how it departs from the paper, in words.
    `stand_in`: the first data set may stand in for the second. `share`: of all epochs.
    """

    name: str
    words: str
    train: int
    test: int
    seeds: int
    nets: Nets
    differs: tuple[str, ...]
    original: Values = field(default_factory=dict)
    box: Values = field(default_factory=dict)
    hardened: Values = field(default_factory=dict)
    students: Values = field(default_factory=dict)
    stand_in: bool = False
    share: float = 1.0

    def training(self, data: str) -> TrainingSettings:
        """How an original is trained."""
        values = over_preset({"preset": PRESET[data], **self.original}, "original")
        return self._shortened(TrainingSettings.from_dict(values))

    def wrapping(self, recipe: Recipe, data: str) -> WrapSettings:
        """How a box is made."""
        values = self.hardened if recipe.policy == "sdb-hardened" else self.box
        values = {"preset": PRESET[data], **values, **dict(recipe.changes)}
        return self._shortened(WrapSettings.for_policy(recipe.policy, values))

    def teaching(self, student: str, data: str, temperature: float = 0.0) -> StudentSettings:
        """How a student is taught; a `temperature` of 0 is the data's own."""
        values = over_preset({"preset": PRESET[data], **self.students}, "student", of=student)
        asked = {"temperature": temperature} if temperature else {}
        return self._shortened(StudentSettings.from_dict({**values, **asked}))

    def _shortened(self, settings: _Some) -> _Some:
        return dataclasses.replace(settings, epochs=max(round(settings.epochs * self.share), 1))
