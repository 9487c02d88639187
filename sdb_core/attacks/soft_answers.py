"""The soft answers alone: usual distillation by who has images and no labels."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.teaching import Lesson


def prepare(scene: Scene) -> Lesson:
    """T^2 KL with the answers; labels have no part in it."""
    answers = scene.answers()
    return scene.lesson(lambda net: soft_objective(net, answers, settings=scene.settings))


ATTACKS = (
    Attack(
        name="soft-no-truth",
        about="Usual distillation of the closed answers without any label.",
        interface="probabilities",
        prepare=prepare,
        truth=False,
    ),
)
