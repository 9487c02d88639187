"""What cells need: originals, boxes, students; each made once, and judged."""

import torch
from torch import nn

from bench.paper_tables.cells import OWN, Cell
from bench.paper_tables.data import Data
from bench.paper_tables.digests import Digests
from bench.paper_tables.ledger import DIVERGED, SOUND, Record
from bench.paper_tables.scales import Scale
from bench.paper_tables.stopwatch import Stopwatch
from bench.paper_tables.trainer import Job, Trainer
from sdb_core.distillation import distill, fit, new_student
from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.settings import WrapSettings
from sdb_core.teaching import seed_for
from sdb_core.training import Run
from sdb_core.wrapping import wrap


class Workshop:
    """`value(cell, seed)` answers a cell's record, from the ledger where it is there.

    Every seed has its own originals, keys, boxes and students; all students of a seed and a net start alike.
    """

    def __init__(self, scale: Scale, data: dict[str, Data], *, trainer: Trainer) -> None:
        self.scale, self.data, self.trainer = scale, data, trainer
        self.digests = Digests(scale, {role: (one.sha256, len(one.splits.train)) for role, one in data.items()})

    def value(self, cell: Cell, seed: int) -> Record:
        """The cell's record. Raises TrainingStopped when the watch says so."""
        digest = self.digests.value(cell, seed)
        if digest in self.trainer.ledger.records:
            return self.trainer.ledger.records[digest]
        teacher, outcome = self._teacher(cell, seed) if cell.teacher else (None, SOUND)
        if cell.student and outcome != DIVERGED:
            return self.trainer.do(digest, self._student_job(cell, seed, teacher=teacher, outcome=outcome))
        clock = Stopwatch()
        value = None if teacher is None else self._right(teacher, cell, key=self._asked_under(cell, seed))
        return self.trainer.add(digest, "judged", value=value, outcome=outcome, clock=clock)

    def _teacher(self, cell: Cell, seed: int) -> tuple[nn.Module | None, str]:
        """The teacher's net, and what became of it."""
        digest, job = self.digests.original(cell, seed), self._original_job(cell, seed)
        outcome = self.trainer.do(digest, job).outcome
        if cell.recipe.policy != "normal" and outcome != DIVERGED:
            digest, job = self.digests.teacher(cell, seed), self._box_job(cell, seed)
            outcome = self.trainer.do(digest, job).outcome
        return self.trainer.kept(digest, job), outcome

    def _original_job(self, cell: Cell, seed: int) -> Job:
        data, settings = self.data[cell.data], self.scale.training(cell.data)

        def train(run: Run) -> nn.Module:
            net = new_student(self._architecture(cell), seed=run.seed, device=run.device)
            fit(net, data.splits.train, normalisation=data.normalisation, settings=settings, run=run)
            return net

        return Job(
            kind=f"original {cell.teacher}",
            seed=seed_for(seed, "original"),
            train=train,
            judge=lambda net: self._right(net, cell),
            blank=self._architecture(cell).build,
        )

    def _box_job(self, cell: Cell, seed: int) -> Job:
        data, settings = self.data[cell.data], self.scale.wrapping(cell.recipe, cell.data)
        architecture = self._architecture(cell)

        def train(run: Run) -> nn.Module:
            original = self.trainer.kept(self.digests.original(cell, seed), self._original_job(cell, seed))
            assert original is not None
            key = self._key(cell, seed, "key", settings)
            policy = cell.recipe.policy
            made = wrap(
                original, data.splits.train, key, policy=policy, settings=settings, architecture=architecture, run=run
            )
            return made.net

        return Job(
            kind=f"box {cell.recipe.policy} {cell.teacher}",
            seed=seed_for(seed, "box"),
            train=train,
            judge=lambda net: self._right(net, cell),
            blank=architecture.build,
        )

    def _student_job(self, cell: Cell, seed: int, *, teacher: nn.Module | None, outcome: str) -> Job:
        data, settings = self.data[cell.data], self.scale.teaching(cell.student, cell.data, cell.temperature)
        architecture = self._architecture(cell).named(cell.student)

        def train(run: Run) -> nn.Module:
            net, scale = new_student(architecture, seed=run.seed, device=run.device), data.normalisation
            if teacher is None:
                fit(net, data.splits.train, normalisation=scale, settings=settings, run=run)
            else:
                key = self._asked_under(cell, seed)
                distill(net, teacher, data.splits.train, normalisation=scale, settings=settings, run=run, key=key)
            return net

        return Job(
            kind=f"student {cell.student} of {cell.teacher or 'labels'}",
            seed=seed_for(seed, "student"),
            train=train,
            judge=lambda net: self._right(net, cell),
            blank=architecture.build,
            keep=False,
            outcome=outcome,
        )

    def _right(self, net: nn.Module, cell: Cell, *, key: Key | None = None) -> float:
        data = self.data[cell.data]
        return accuracy(net, data.splits.test, normalisation=data.normalisation, key=key)

    def _asked_under(self, cell: Cell, seed: int) -> Key | None:
        """The key that the teacher is asked under: the box's own, or one that anyone could draw."""
        if not cell.key:
            return None
        settings = self.scale.wrapping(cell.recipe, cell.data)
        return self._key(cell, seed, "key" if cell.key == OWN else cell.key, settings)

    def _key(self, cell: Cell, seed: int, purpose: str, settings: WrapSettings) -> Key:
        data = self.data[cell.data]
        generator = torch.Generator().manual_seed(seed_for(seed, purpose))
        mean, std = data.normalisation.mean, data.normalisation.std
        return Key.random(data.splits.shape, mean=mean, std=std, lam=settings.lam, generator=generator)

    def _architecture(self, cell: Cell) -> Architecture:
        data = self.data[cell.data]
        net = cell.teacher or cell.student
        return Architecture(net, len(data.splits.train.class_names), *data.splits.shape)
