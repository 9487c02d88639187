"""The one training loop. Wrapping, distilling and plain training differ only in their objective."""

import hashlib
import json
import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from sdb_core.augment import augmented
from sdb_core.checkpoints import load_state, save_state
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import CheckpointError, DatasetTooSmall, TrainingDiverged, TrainingStopped
from sdb_core.normalise import Normalisation
from sdb_core.settings import TrainingSettings
from sdb_core.training.rates import learning_rate
from sdb_core.training.run import Batch, History, Objective, Run


def train(
    net: nn.Module,
    objective: Objective,
    images: LabelledImages,
    *,
    normalisation: Normalisation,
    settings: TrainingSettings,
    run: Run,
) -> History:
    """Minimise `objective(batch)["loss"]` over `images`; `net` is changed in place and left in eval mode.

    The history has one row for at most every hundredth of the steps: {"step", "lr", "loss", named parts}. With a
    `state_path` the run checkpoints, and goes on from a checkpoint of the same seed and settings: on a CPU the result
    is bit-equal to an unbroken run's. Order and augmentation depend on the seed and the step alone.
    Raises TrainingDiverged for a loss that is not finite, TrainingStopped when the observer says so, DatasetTooSmall.
    """
    if len(images) < 2:
        raise DatasetTooSmall("Training needs at least two images.")
    loop = _Loop(net, objective, images.to(run.device), normalisation=normalisation, settings=settings, run=run)
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(run.seed)
        net.train().to(memory_format=torch.channels_last)  # 1.6 times faster
        loop.resume()
        loop.go()
        net.eval().to(memory_format=torch.contiguous_format)
    return loop.history


class _Loop:
    def __init__(
        self,
        net: nn.Module,
        objective: Objective,
        images: LabelledImages,
        *,
        normalisation: Normalisation,
        settings: TrainingSettings,
        run: Run,
    ) -> None:
        self.net, self.objective, self.images = net, objective, images
        self.normalisation, self.settings, self.run = normalisation, settings, run
        self.batch_size = min(settings.batch_size, len(images))
        self.steps_per_epoch = len(images) // self.batch_size
        self.total = max(settings.epochs * self.steps_per_epoch, settings.min_steps)
        self.optimiser = _optimiser(net, settings)
        self.step = 0
        self.history: History = []
        self.saved_at = time.monotonic()
        self.order = torch.empty(0, dtype=torch.int64)
        self.order_epoch = -1

    def go(self) -> None:
        """Run the steps that are left."""
        every = max(self.total // 100, 1)
        while self.step < self.total:
            if self.run.observer.should_stop():
                self.save()
                raise TrainingStopped(f"The stage {self.run.stage} was stopped at step {self.step} of {self.total}.")
            values = self.one_step()
            if self.step % every == 0 or self.step + 1 == self.total:
                self.note(values)
            self.step += 1
            if self.step % every == 0 or self.step == self.total:
                self.run.observer.progress(self.run.stage, self.step, self.total)
            if time.monotonic() - self.saved_at >= self.settings.checkpoint_seconds:
                self.save()
        self.save()

    def one_step(self) -> dict[str, Tensor]:
        """One optimiser step; answers the objective's values."""
        batch = self.batch()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, total=self.total, settings=self.settings)
        mixed = self.settings.precision == "bfloat16"
        with torch.autocast(self.run.device.type, dtype=torch.bfloat16, enabled=mixed):
            values = self.objective(batch)
        if not math.isfinite(float(values["loss"].detach())):
            raise TrainingDiverged(
                f"The loss became {float(values['loss'].detach())} at step {self.step} of {self.run.stage}; "
                "lower lr (or omega), or check the data."
            )
        self.optimiser.zero_grad(set_to_none=True)
        values["loss"].backward()  # type: ignore[no-untyped-call]
        if self.settings.clip > 0:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        self.optimiser.step()
        return values

    def batch(self) -> Batch:
        """The images of this step."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        if epoch != self.order_epoch:
            generator = torch.Generator().manual_seed(_mixed_seed(self.run.seed, "order", epoch))
            self.order = torch.randperm(len(self.images), generator=generator).to(self.run.device)
            self.order_epoch = epoch
        index = self.order[position * self.batch_size : (position + 1) * self.batch_size]
        pixels = self.images.images[index]
        generator = torch.Generator().manual_seed(_mixed_seed(self.run.seed, "draws", self.step))
        if self.settings.augment != "none":
            pixels = augmented(pixels, kind=self.settings.augment, generator=generator)
        x = self.normalisation(pixels).contiguous(memory_format=torch.channels_last)
        return Batch(index=index, x=x, labels=self.images.labels[index], generator=generator)

    def note(self, values: dict[str, Tensor]) -> None:
        """Keep and report a step's values."""
        row = {name: float(value.detach()) for name, value in values.items()}
        self.history.append({"step": float(self.step), "lr": float(self.optimiser.param_groups[0]["lr"]), **row})
        self.run.observer.metrics(self.run.stage, self.step, row)

    def save(self) -> None:
        """Write the state from which `resume` goes on."""
        self.saved_at = time.monotonic()
        if self.run.state_path is None:
            return
        save_state(self.run.state_path, self.state())
        self.run.observer.checkpoint(self.run.state_path)

    def state(self) -> dict[str, Any]:
        """Net, optimiser, RNG and position."""
        state: dict[str, Any] = {
            "fingerprint": self.fingerprint(),
            "step": self.step,
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "history": self.history,
        }
        if self.run.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state(self.run.device)
        return state

    def resume(self) -> None:
        """Go on from the state file, if it is there, sound, and of this very run; else start at the beginning."""
        if self.run.state_path is None or not self.run.state_path.is_file():
            return
        try:
            state = load_state(self.run.state_path)
        except CheckpointError:
            return  # a damaged state costs the work done so far, never the job
        if state.get("fingerprint") != self.fingerprint():
            return
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["rng"])
        if "cuda_rng" in state and self.run.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"], self.run.device)
        self.step, self.history = int(state["step"]), list(state["history"])

    def fingerprint(self) -> str:
        """What must agree for a state to belong to this run."""
        shapes = [(name, list(value.shape)) for name, value in self.net.state_dict().items()]
        settings = {k: v for k, v in self.settings.to_dict().items() if k != "checkpoint_seconds"}
        facts = [self.run.stage, self.run.seed, len(self.images), settings, shapes]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _mixed_seed(seed: int, purpose: str, number: int) -> int:
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _optimiser(net: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    if settings.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters,
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.momentum > 0,
    )
