"""The folders of one attempt: inputs that the child only reads, one output folder that it writes."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdb_service.lifecycle import Claim
from sdb_service.settings import Settings
from worker.protocol import ARTIFACTS, SPEC, STATE


@dataclass(frozen=True)
class Workplace:
    inputs: Path
    outputs: Path

    @property
    def artifacts(self) -> Path:
        return self.outputs / ARTIFACTS

    @property
    def state(self) -> Path:
        return self.outputs / STATE

    def write_spec(self, spec: dict[str, Any]) -> None:
        (self.inputs / SPEC).write_text(json.dumps(spec))


@contextmanager
def workplace(settings: Settings, held: Claim) -> Iterator[Workplace]:
    """Fresh folders for one attempt, removed at its end. Nothing in them outlives it but what was stored."""
    root = settings.data_dir.resolve() / "work" / f"{held.kind.name}-{held.id}-{held.attempt}"
    shutil.rmtree(root, ignore_errors=True)
    place = Workplace(root / "in", root / "out")
    for folder in (place.inputs / STATE, place.artifacts, place.state, place.outputs / "tmp"):
        folder.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(root, ignore_errors=True)
