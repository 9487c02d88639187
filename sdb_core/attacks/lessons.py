"""What most attackers' students minimise: the distance to targets that the attacker made of the box's answers."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.attacks import losses
from sdb_core.settings import StudentSettings
from sdb_core.training import Batch, Objective

Targets = Callable[[Batch], Tensor]


def toward(targets: Targets, *, settings: StudentSettings) -> Callable[[nn.Module], Objective]:
    """(1 - alpha) CE with the labels + alpha T^2 KL(targets || S/T), targets [B, K] probabilities for T."""

    def maker(student: nn.Module) -> Objective:
        def objective(batch: Batch) -> dict[str, Tensor]:
            logits = student(batch.x).float()  # [B, K]
            hard = F.cross_entropy(logits, batch.labels)
            soft = losses.target_loss(targets(batch), logits, temperature=settings.temperature)
            return {"loss": (1 - settings.alpha) * hard + settings.alpha * soft}

        return objective

    return maker


def softened(log_p: Tensor, temperature: float) -> Tensor:
    """softmax(log p / T) of log-probabilities (or logits) [B, K]."""
    return torch.softmax(log_p / temperature, dim=1)
