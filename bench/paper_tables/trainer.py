"""One training with its state on disk, its weights kept, and what became of it written down."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.paper_tables.ledger import COLLAPSED, DIVERGED, SOUND, Ledger, Record
from bench.paper_tables.stopwatch import Stopwatch
from bench.paper_tables.watch import Watch
from sdb_core import __version__
from sdb_core.answers import frozen
from sdb_core.checkpoints import load_state, load_weights, save_weights
from sdb_core.errors import BoxCollapsed, TrainingDiverged, TrainingStopped
from sdb_core.subject import code_version
from sdb_core.training import Run


@dataclass(frozen=True, eq=False)
class Job:
    """`train(run)` answers the trained net, `judge(net)` its test accuracy [percent], `blank()` an untrained one.

    `keep`: whether others need the weights. `outcome`: SOUND, or what became of the teacher.
    """

    kind: str
    seed: int
    train: Callable[[Run], nn.Module]
    judge: Callable[[nn.Module], float]
    blank: Callable[[], nn.Module]
    keep: bool = True
    outcome: str = SOUND


class Trainer:
    """Does jobs and keeps what comes of them: `folder/weights`, `folder/progress`, `folder/cells.json`."""

    def __init__(self, folder: Path, *, device: torch.device, device_words: str, watch: Watch) -> None:
        self.folder, self.device, self.device_words, self.watch = folder, device, device_words, watch
        for name in ("weights", "progress"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(folder / "cells.json")
        self.code = code_version(__version__)

    def do(self, digest: str, job: Job) -> Record:
        """Train and judge, unless it is done. Raises TrainingStopped with the state saved."""
        known = self.ledger.records.get(digest)
        if known and (not job.keep or known.outcome == DIVERGED or self._weights(digest).is_file()):
            return known
        state, spent = (self.folder / "progress" / f"{digest}.{ending}" for ending in ("state", "seconds"))
        clock = Stopwatch(spent)
        try:
            net, outcome, why = self._net(job, state)
        except TrainingStopped:
            clock.keep()
            raise
        if net is not None and job.keep:
            save_weights(net, self._weights(digest))
        value = None if net is None else job.judge(net)
        record = self.add(digest, job.kind, value=value, outcome=outcome, clock=clock, why=why)
        for path in (state, spent):
            path.unlink(missing_ok=True)
        self.watch.done(digest, record)
        return record

    def kept(self, digest: str, job: Job) -> nn.Module | None:
        """The frozen net of a job, trained now if need be; None where it diverged."""
        if self.do(digest, job).outcome == DIVERGED:
            return None
        net = job.blank()
        load_weights(self._weights(digest), net)
        return frozen(net.to(self.device))

    def add(
        self, digest: str, kind: str, *, value: float | None, outcome: str, clock: Stopwatch, why: str = ""
    ) -> Record:
        """Write down what is finished."""
        record = Record(kind, value, outcome, *clock.read(), code=self.code, device=self.device_words, why=why)
        return self.ledger.add(digest, record)

    def _net(self, job: Job, state: Path) -> tuple[nn.Module | None, str, str]:
        run = Run(job.kind, job.seed, self.device, observer=self.watch, state_path=state)
        try:
            return job.train(run), job.outcome, ""
        except BoxCollapsed as error:  # its last state is what became of it: to be shown, not hidden
            net = job.blank()
            net.load_state_dict(load_state(state)["net"])
            return frozen(net.to(self.device)), COLLAPSED, error.message
        except TrainingDiverged as error:
            return None, DIVERGED, error.message

    def _weights(self, digest: str) -> Path:
        return self.folder / "weights" / f"{digest}.safetensors"
