"""HTC, high-temperature composition (Jandial et al., ECCV 2022, arXiv 2210.11728).

The idea of the paper: a nasty teacher's false peaks sink into the rest at a high temperature, where the relations
between classes remain; composed with the labels they teach again. The paper's formulas were not at
hand, and its authors' repository (surgan12/NastyAttacks) holds no code; the temperature and the share here are ours.
"""

import torch
import torch.nn.functional as F

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson
from sdb_core.training import Batch

TEMPERATURE, SHARE = 50.0, 0.3


def prepare(scene: Scene) -> Lesson:
    """Teach, at T = 1, the label with a share of the answers at a high temperature mixed in."""
    answers = scene.answers()

    def targets(batch: Batch) -> torch.Tensor:
        soft = softened(answers(batch), TEMPERATURE)  # [B, K]
        return torch.lerp(F.one_hot(batch.labels, soft.shape[1]).float(), soft, SHARE)

    return scene.lesson(toward(targets, settings=scene.at(1.0)))


ATTACKS = (
    Attack(
        name="htc",
        about=f"HTC: {SHARE:.0%} of the answers at T = {TEMPERATURE:g} composed with the labels.",
        interface="probabilities",
        prepare=prepare,
    ),
)
