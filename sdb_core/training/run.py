"""What a training run is given: where and how it happens, and what an objective sees of each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from sdb_core.observer import Observer, SilentObserver
from sdb_core.training.distributed import Team


@dataclass(frozen=True)
class Batch:
    """One step's data: `index` int64 [B] into the training images, `x` float32 [B, C, H, W], `labels` int64 [B].

    `generator` (CPU) is where an objective draws from: it depends on the run's seed and the step alone. A step of
    several micro-batches or processes is several batches, each with draws of its own.
    """

    index: Tensor
    x: Tensor
    labels: Tensor
    generator: torch.Generator


CPU = torch.device("cpu")
Objective = Callable[[Batch], dict[str, Tensor]]
History = list[dict[str, float]]


@dataclass(frozen=True)
class Run:
    """Where and how a training run happens: its stage's name, seed, device, listener, state file and team."""

    stage: str
    seed: int
    device: torch.device = CPU
    observer: Observer = field(default_factory=SilentObserver)
    state_path: Path | None = None
    team: Team = field(default_factory=Team)
