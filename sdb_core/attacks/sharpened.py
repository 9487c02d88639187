"""Answers sharpened before they are taught: what is right grows, what was put beside it shrinks."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.lessons import softened, toward
from sdb_core.teaching import Lesson

POWER = 2.0


def prepare(scene: Scene) -> Lesson:
    """Distillation at T = 1 of the probabilities raised to a power (and made to add up to 1 again)."""
    answers, settings = scene.answers(), scene.at(1.0)
    return scene.lesson(toward(lambda batch: softened(answers(batch), 1.0 / POWER), settings=settings))


ATTACKS = (
    Attack(
        name="sharpened",
        about="Distillation at T = 1 of the squared probabilities.",
        interface="probabilities",
        prepare=prepare,
    ),
)
