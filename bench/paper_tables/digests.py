"""What a training is known by: a digest of everything its result depends on, but for the code."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.paper_tables.cells import Cell
from bench.paper_tables.scales import Scale
from sdb_core.settings import TrainingSettings


@dataclass(frozen=True)
class Training:
    """One training: its digest, and its `kind` for estimates of time ("box sdb sdb:cnn-mini")."""

    digest: str
    kind: str
    steps: int


class Digests:
    """The digests of a scale's cells over these data (by role: SHA-256 and number of training images)."""

    def __init__(self, scale: Scale, data: Mapping[str, tuple[str, int]]) -> None:
        self.scale, self.data = scale, data

    def original(self, cell: Cell, seed: int) -> str:
        """The unwrapped teacher's."""
        facts = {"net": cell.teacher, "settings": _told(self.scale.training(cell.data))}
        return self._digest("original", cell, seed, facts)

    def teacher(self, cell: Cell, seed: int) -> str:
        """The teacher's: the original, or a box made of it."""
        original = self.original(cell, seed)
        if cell.recipe.policy == "normal":
            return original
        settings = _told(self.scale.wrapping(cell.recipe, cell.data))
        return self._digest("box", cell, seed, {"of": original, "policy": cell.recipe.policy, "settings": settings})

    def value(self, cell: Cell, seed: int) -> str:
        """The cell's: the judged teacher, or its student."""
        facts: dict[str, Any] = {"key": cell.key, "teacher": self.teacher(cell, seed) if cell.teacher else ""}
        if not cell.student:
            return self._digest("judged", cell, seed, facts)
        settings = _told(self.scale.teaching(cell.student, cell.data, cell.temperature))
        if not cell.teacher:
            del settings["temperature"], settings["alpha"]
        return self._digest("student", cell, seed, {**facts, "net": cell.student, "settings": settings})

    def trainings(self, cell: Cell, seed: int) -> Iterator[Training]:
        """What must be trained for a cell, in order."""
        if cell.teacher:
            plain = self._steps(cell, self.scale.training(cell.data))
            yield Training(self.original(cell, seed), f"original {cell.teacher}", plain)
            if cell.recipe.policy != "normal":
                settings = self.scale.wrapping(cell.recipe, cell.data)
                kind = f"box {cell.recipe.policy} {cell.teacher}"
                yield Training(self.teacher(cell, seed), kind, self._steps(cell, settings))
        if cell.student:
            taught = self.scale.teaching(cell.student, cell.data, cell.temperature)
            kind = f"student {cell.student} of {cell.teacher or 'labels'}"
            yield Training(self.value(cell, seed), kind, self._steps(cell, taught))

    def _steps(self, cell: Cell, settings: TrainingSettings) -> int:
        images = self.data[cell.data][1]
        return max(settings.epochs * (images // min(settings.batch_size, images)), settings.min_steps)

    def _digest(self, what: str, cell: Cell, seed: int, facts: dict[str, Any]) -> str:
        whole = {"what": what, "data": self.data[cell.data][0], "seed": seed, **facts}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]


def _told(settings: TrainingSettings) -> dict[str, Any]:
    return {name: value for name, value in settings.to_dict().items() if name != "checkpoint_seconds"}
