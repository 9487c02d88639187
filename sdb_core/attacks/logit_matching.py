"""Logit matching: the squared distance between logits (Ba & Caruana 2014, arXiv 1312.6184).

Theirs is without labels. Here they have their usual share, 1 - alpha, and logits are centred over the classes, as a
shift of all of them means nothing.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.attacks import losses
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.teaching import Lesson
from sdb_core.training import Batch, Objective


def prepare(scene: Scene) -> Lesson:
    """(1 - alpha) CE with the labels + alpha MSE with the box's logits."""
    answers, alpha = scene.answers(), scene.settings.alpha

    def maker(student: nn.Module) -> Objective:
        def objective(batch: Batch) -> dict[str, Tensor]:
            logits = student(batch.x).float()  # [B, K]
            hard = F.cross_entropy(logits, batch.labels)
            return {"loss": (1 - alpha) * hard + alpha * losses.logit_distance(answers(batch), logits)}

        return objective

    return scene.lesson(maker)


ATTACKS = (
    Attack(
        name="logit-matching",
        about="The student's logits drawn to the closed logits by their squared distance.",
        interface="logits",
        prepare=prepare,
    ),
)
