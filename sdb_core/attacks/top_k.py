"""The largest probabilities alone, as many APIs give them; the rest is taken to be spread evenly."""

import torch
from torch import Tensor

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson


def prepare(scene: Scene) -> Lesson:
    """Distillation of the shown probabilities, what is missing to 1 spread over the classes not shown."""
    answers, temperature = scene.answers(), scene.settings.temperature
    return scene.lesson(toward(lambda batch: softened(completed(answers(batch)), temperature), settings=scene.settings))


def completed(log_p: Tensor) -> Tensor:
    """Log-probabilities [B, K] with -inf where nothing was shown -> the same, each row's rest spread evenly there."""
    hidden = torch.isinf(log_p)
    rest = (1.0 - log_p.exp().sum(dim=1, keepdim=True)).clamp_min(1e-7)  # [B, 1]
    share = (rest / hidden.sum(dim=1, keepdim=True).clamp_min(1)).log()
    return torch.where(hidden, share, log_p)


def with_top(count: int) -> Attack:
    """The `count` largest probabilities."""
    words = "probability of the named class" if count == 1 else f"{count} largest probabilities"
    return Attack(
        name=f"top-{count}",
        about=f"Distillation of the {words}, the rest spread evenly.",
        interface="topk",
        prepare=prepare,
        top=count,
    )


ATTACKS = (with_top(1), with_top(3))
