"""The one training loop. Wrapping, distilling and plain training differ only in their objective."""

import math
import time
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from sdb_core.checkpoints import save_state
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import DatasetTooSmall, TrainingDiverged, TrainingStopped
from sdb_core.normalise import Normalisation
from sdb_core.observer import SilentObserver
from sdb_core.settings import TrainingSettings
from sdb_core.training.batches import Batches, mixed_seed
from sdb_core.training.compilation import compiled
from sdb_core.training.optimisers import move, optimiser_of
from sdb_core.training.rates import learning_rate
from sdb_core.training.run import Batch, History, Objective, Run
from sdb_core.training.states import fingerprint, found_state, packed, restore

_MOST_UNCHECKED = 20


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
    Raises TrainingDiverged for a loss that is not finite (seen up to 20 steps later, as reading it makes a GPU wait;
    but before any note, state or end), TrainingStopped when the observer says so, DatasetTooSmall.
    """
    if len(images) < 2:
        raise DatasetTooSmall("Training needs at least two images.")
    batches = Batches(images, normalisation=normalisation, settings=settings, run=run)
    loop = _Loop(net, compiled(objective, run.device) if settings.compile else objective, batches)
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), _quick_convolutions(run.device):
        torch.manual_seed(run.seed if run.team.leads else mixed_seed(run.seed, f"rank {run.team.rank}", 0))
        net.train().to(memory_format=torch.channels_last)  # 1.6 times faster
        loop.resume()
        loop.go()
        net.eval().to(memory_format=torch.contiguous_format)
    return loop.history


class _Loop:
    def __init__(self, net: nn.Module, objective: Objective, batches: Batches) -> None:
        self.net, self.objective, self.batches = net, objective, batches
        self.settings, self.run, self.team = batches.settings, batches.run, batches.run.team
        self.observer = self.run.observer if self.team.leads else SilentObserver()
        self.total = max(self.settings.epochs * batches.steps_per_epoch, self.settings.min_steps)
        self.parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
        self.optimiser = optimiser_of(self.parameters, self.settings)
        self.step = 0
        self.history: History = []
        self.saved_at = time.monotonic()
        self.unchecked: list[tuple[int, Tensor]] = []
        self.mark = fingerprint(
            net, images=len(batches.images), batch_size=batches.size, settings=self.settings, run=self.run
        )

    def go(self) -> None:
        """Run the steps that are left."""
        every = max(self.total // 100, 1)
        while self.step < self.total:
            self.heed()
            values = self.one_step()
            if self.step % every == 0 or self.step + 1 == self.total:
                self.note(values)
            self.step += 1
            if len(self.unchecked) >= _MOST_UNCHECKED:
                self.check()
            if self.step % every == 0 or self.step == self.total:
                self.observer.progress(self.run.stage, self.step, self.total)
        self.save()

    def heed(self) -> None:
        """Stop or save, if it is time to."""
        since = time.monotonic() - self.saved_at
        stop, save = self.team.told((self.observer.should_stop(), since >= self.settings.checkpoint_seconds))
        if stop or save:
            self.save()
        if stop:
            raise TrainingStopped(f"The stage {self.run.stage} was stopped at step {self.step} of {self.total}.")

    def one_step(self) -> dict[str, Tensor]:
        """One optimiser step; answers the objective's values, the mean over this process's micro-batches."""
        self.optimiser.zero_grad(set_to_none=True)
        values: dict[str, Tensor] = {}
        for batch in self.batches.of_step(self.step):
            for name, value in self.slopes(batch).items():
                values[name] = values[name] + value if name in values else value
        self.unchecked.append((self.step, values["loss"]))
        self.team.average([parameter.grad for parameter in self.parameters if parameter.grad is not None])
        rate = learning_rate(self.step, total=self.total, settings=self.settings)
        move(self.optimiser, self.parameters, rate=rate, clip=self.settings.clip)
        return values

    def slopes(self, batch: Batch) -> dict[str, Tensor]:
        """Add a batch's gradients, weighted by its share of the step's; answers its values so weighted."""
        share = 1 / self.settings.accumulate
        mixed = self.settings.precision == "bfloat16"
        with torch.autocast(self.run.device.type, dtype=torch.bfloat16, enabled=mixed):
            values = self.objective(batch)
        if share < 1:
            values = {name: value * share for name, value in values.items()}
        values["loss"].backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in values.items()}

    def check(self) -> None:
        """Raise TrainingDiverged for a loss that is not finite among those not looked at yet."""
        losses = torch.stack([loss for _, loss in self.unchecked]).tolist() if self.unchecked else []
        steps = [step for step, _ in self.unchecked]
        self.unchecked = []
        wrong = [(step, loss) for step, loss in zip(steps, losses, strict=True) if not math.isfinite(loss)]
        if self.team.any(bool(wrong)):
            what = f"{wrong[0][1]} at step {wrong[0][0]}" if wrong else "NaN or infinite in another process"
            raise TrainingDiverged(
                f"The loss became {what} of {self.run.stage}; lower lr (or omega), or check the data."
            )

    def note(self, values: dict[str, Tensor]) -> None:
        """Keep and report a step's values, the mean over the team."""
        self.check()
        found = torch.stack([value.float() for value in values.values()])
        self.team.average([found])
        row = dict(zip(values, found.tolist(), strict=True))
        self.history.append({"step": float(self.step), "lr": float(self.optimiser.param_groups[0]["lr"]), **row})
        self.observer.metrics(self.run.stage, self.step, row)

    def save(self) -> None:
        """Write the state from which `resume` goes on. Raises TrainingDiverged where it is not finite."""
        self.saved_at = time.monotonic()
        self.check()
        floats = [value for value in self.net.state_dict().values() if value.is_floating_point()]
        if self.team.any(not bool(torch.stack([value.isfinite().all() for value in floats]).all())):
            raise TrainingDiverged(
                f"The weights are not finite after {self.step} steps of {self.run.stage}; lower lr (or omega)."
            )
        self.team.average([value for value in self.net.buffers() if value.is_floating_point()])  # running statistics
        if self.run.state_path is None or not self.team.leads:
            return
        state = packed(
            self.net, self.optimiser, fingerprint=self.mark, step=self.step, history=self.history, run=self.run
        )
        save_state(self.run.state_path, state)
        self.observer.checkpoint(self.run.state_path)

    def resume(self) -> None:
        """Go on from the state file, if it is there, sound, and of this very run; else start at the beginning."""
        state = found_state(self.run, fingerprint=self.mark)
        if state is not None:
            restore(state, self.net, self.optimiser, run=self.run)
            self.step, self.history = int(state["step"]), list(state["history"])
        self.team.follow([value for value in self.net.state_dict().values() if value.is_floating_point()])


def _quick_convolutions(device: torch.device) -> AbstractContextManager[object]:
    """Let cuDNN time its algorithms once for each shape and take the fastest."""
    if device.type != "cuda":
        return nullcontext()
    tf32 = torch.backends.cudnn.allow_tf32
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=tf32)
