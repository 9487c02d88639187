"""The policy known: each class has its usual answer, and only what departs from it says something of the image."""

import torch
from torch import Tensor

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson

LIFT = 4.0


def prepare(scene: Scene) -> Lesson:
    """Take each named class's mean answer away and teach what is left, with the named class lifted above it."""
    answers, temperature = scene.answers(), scene.settings.temperature
    means = class_means(scene.table())  # [K, K]
    return scene.lesson(
        toward(lambda batch: softened(residual(answers(batch), means), temperature), settings=scene.settings)
    )


def class_means(log_p: Tensor) -> Tensor:
    """[K, K]: the mean log-probabilities of the answers [N, K] that name each class; 0 where none does."""
    named = torch.nn.functional.one_hot(log_p.argmax(dim=1), log_p.shape[1]).float()  # [N, K]
    return (named.T @ log_p) / named.sum(dim=0).clamp_min(1.0).unsqueeze(1)


def residual(log_p: Tensor, means: Tensor) -> Tensor:
    """Each answer [B, K] less the mean answer of the class it names, that class lifted by LIFT (in logits)."""
    top = log_p.argmax(dim=1)
    left = log_p - means[top]
    return left.scatter_add(1, top.unsqueeze(1), torch.full_like(left[:, :1], LIFT))


ATTACKS = (
    Attack(
        name="class-map-undo",
        about="The mean answer of each named class taken away from the answers; what is left, with the named class "
        "lifted, teaches the student.",
        interface="probabilities",
        prepare=prepare,
        fits=True,
    ),
)
