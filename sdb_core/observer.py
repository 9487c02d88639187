"""What long work tells its caller, and how the caller stops it."""

from pathlib import Path
from typing import Protocol


class Observer(Protocol):
    """Listens to a run. All calls come from the run's own thread, and often: keep them quick."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps (or students) of a stage are finished."""

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        """The loss and its named parts at a step."""

    def checkpoint(self, path: Path) -> None:
        """A checkpoint file was written, whole and synced, from which the run can go on."""

    def should_stop(self) -> bool:
        """Answer True to end the run with TrainingStopped."""


class SilentObserver:
    """Listens to nothing and never stops a run."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Nothing."""

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def checkpoint(self, path: Path) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        """Never."""
        return False
