"""How weights move: the optimiser of a run, and its rate."""

import torch
from torch import nn

from sdb_core.settings import TrainingSettings


def optimiser_of(parameters: list[nn.Parameter], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam, or SGD with Nesterov momentum; fused: one kernel for all weights."""
    if settings.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters,
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.momentum > 0,
        fused=True,
    )


def move(optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], *, rate: float, clip: float) -> None:
    """One optimiser step at this `rate`, the gradients' common norm bounded by `clip` (0: not at all)."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    if clip > 0:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimiser.step()
