"""Decoupled distillation (Zhao et al., CVPR 2022, arXiv 2203.08679): what is said of the wrong classes weighs more.

Loss and weights as in the authors' code (megvii-research/mdistiller, `DKD.py`: CE 1, alpha 1, beta 8 unless a pair of
nets has its own). Theirs grows over the first 20 of 240 epochs; here it is whole from the first step, and the rate
warms up. Usual distillation lies between the two attacks: there beta is the teacher's probability of being wrong.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.attacks import losses
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.teaching import Lesson
from sdb_core.training import Batch, Objective

ALPHA, BETA = 1.0, 8.0


def weighing(beta: float) -> Callable[[Scene], Lesson]:
    """CE with the labels + ALPHA TCKD + beta NCKD."""

    def prepare(scene: Scene) -> Lesson:
        answers, temperature = scene.answers(), scene.settings.temperature

        def maker(student: nn.Module) -> Objective:
            def objective(batch: Batch) -> dict[str, Tensor]:
                logits = student(batch.x).float()  # [B, K]
                decoupled = losses.decoupled_loss(
                    answers(batch), logits, batch.labels, alpha=ALPHA, beta=beta, temperature=temperature
                )
                return {"loss": F.cross_entropy(logits, batch.labels) + decoupled}

            return objective

        return scene.lesson(maker)

    return prepare


ATTACKS = (
    Attack(
        name="decoupled-kd",
        about=f"Decoupled distillation, the wrong classes among themselves weighing {BETA:g} times (as in the paper).",
        interface="probabilities",
        prepare=weighing(BETA),
    ),
    Attack(
        name="decoupled-kd-target",
        about="Decoupled distillation of the right class's probability alone; what is said of the others is not heard.",
        interface="probabilities",
        prepare=weighing(0.0),
    ),
)
