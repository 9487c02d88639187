"""The second peak dropped: for boxes that put a decoy just behind the right class."""

import torch
from torch import Tensor

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson


def prepare(scene: Scene) -> Lesson:
    """Distillation of the answers without their second peak."""
    answers, temperature = scene.answers(), scene.settings.temperature
    return scene.lesson(
        toward(lambda batch: softened(without_second(answers(batch)), temperature), settings=scene.settings)
    )


def without_second(log_p: Tensor) -> Tensor:
    """Log-probabilities (or logits) [B, K]: each row's second largest becomes the mean of those below it.

    Of two classes the second has none below it and becomes impossible: the named class is left.
    """
    order = log_p.argsort(dim=1, descending=True)
    rest = log_p.gather(1, order[:, 2:])  # [B, K - 2]
    below = rest.mean(dim=1, keepdim=True) if rest.shape[1] else torch.full_like(log_p[:, :1], -torch.inf)
    return log_p.scatter(1, order[:, 1:2], below)


ATTACKS = (
    Attack(
        name="second-peak-dropped",
        about="Distillation of the answers, their second largest probability pressed down to the average of the rest.",
        interface="probabilities",
        prepare=prepare,
    ),
)
