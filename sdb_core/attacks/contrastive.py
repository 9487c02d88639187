"""SCM, a sequence of contrastive models (Jandial et al., ECCV 2022, arXiv 2210.11728).

The idea of the paper: a net trained on the labels and away from a nasty teacher has other false peaks, one trained
away from that again others; together they say what is true. The paper's formulas were not at hand, and its
authors' repository (surgan12/NastyAttacks) holds no code; the number of nets and the weight of the contrast (that of
Nasty Teacher on CIFAR-10) here are ours.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.answers import Answers, frozen
from sdb_core.attacks import losses
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson
from sdb_core.training import Batch, Objective, train

NETS, OMEGA = 2, 0.04


def prepare(scene: Scene) -> Lesson:
    """Distil the mean of what the sequence's nets answer at T."""
    temperature, nets = scene.settings.temperature, sequence(scene)

    def targets(batch: Batch) -> Tensor:
        return sum(
            (softened(answers(batch), temperature) for answers in nets[1:]), softened(nets[0](batch), temperature)
        )

    return scene.lesson(toward(lambda batch: targets(batch) / len(nets), settings=scene.settings))


def sequence(scene: Scene) -> list[Answers]:
    """The answers of nets as large as the student, each trained away from the one before, the first from the box."""
    before, found = scene.answers(), []
    for number in range(NETS):
        run = scene.run(f"contrastive-{number}")
        net = scene.new_student(run.seed)
        objective = contrast(net, before, temperature=scene.settings.temperature)
        train(net, objective, scene.images, normalisation=scene.normalisation, settings=scene.settings, run=run)
        before = scene.answers_of(frozen(net))
        found.append(before)
    return found


def contrast(net: nn.Module, before: Answers, *, temperature: float) -> Objective:
    """CE with the labels - OMEGA T^2 KL(net/T || before/T)."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        logits = net(batch.x).float()  # [B, K]
        away = losses.divergence_from(before(batch), logits, temperature=temperature)
        return {"loss": F.cross_entropy(logits, batch.labels) - OMEGA * away}

    return objective


ATTACKS = (
    Attack(
        name="scm",
        about=f"SCM: {NETS} nets trained on the labels, each away from the one before, the first from the box; their "
        "mean answer teaches.",
        interface="probabilities",
        prepare=prepare,
        level="full",
    ),
)
