"""A known target undone: whoever has labels can learn what turns the box's answers back into them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import toward
from sdb_core.teaching import Lesson

RIDGE = 1e-3
_LEAST = 1e-3


def prepare(scene: Scene) -> Lesson:
    """Regress the labels on the closed log-probabilities, then teach with the corrected answers (at T = 1)."""
    answers = scene.answers()
    one_hot = F.one_hot(scene.images.labels, scene.classes).float()
    undo = fitted(scene.table(), one_hot.to(scene.device))  # [K + 1, K]
    return scene.lesson(toward(lambda batch: corrected(answers(batch), undo), settings=scene.at(1.0)))


def fitted(log_p: Tensor, wanted: Tensor) -> Tensor:
    """The linear map [K + 1, K] (with a constant) that takes answers [N, K] nearest to `wanted` [N, K], by ridge."""
    features = _with_one(log_p).double()
    weight = RIDGE * len(features) * torch.eye(features.shape[1], dtype=torch.float64, device=features.device)
    weight[-1, -1] = 0.0  # the constant is free
    found: Tensor = torch.linalg.solve(features.T @ features + weight, features.T @ wanted.double())
    return found.float()


def corrected(log_p: Tensor, undo: Tensor) -> Tensor:
    """Probabilities [B, K]: the map applied, cut to what is positive and made to add up to 1."""
    raw = (_with_one(log_p) @ undo).clamp_min(_LEAST)
    return raw / raw.sum(dim=1, keepdim=True)


def _with_one(log_p: Tensor) -> Tensor:
    """Answers with a column of ones; those of almost no probability are cut off, where their logarithm is noise."""
    return torch.cat([log_p.clamp_min(-20.0), torch.ones_like(log_p[:, :1])], dim=1)


ATTACKS = (
    Attack(
        name="linear-undo",
        about="A linear map from the closed log-probabilities to the labels, fitted on the images, mends the answers.",
        interface="probabilities",
        prepare=prepare,
        fits=True,
    ),
)
