"""Distillation of the closed answers at other temperatures (Table 5 of arXiv 2112.03695)."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.teaching import Lesson


def at_temperature(value: float) -> Attack:
    """Usual distillation at T = `value`."""

    def prepare(scene: Scene) -> Lesson:
        answers, settings = scene.answers(), scene.at(value)
        return scene.lesson(lambda net: soft_objective(net, answers, settings=settings))

    return Attack(
        name=f"temperature-{value:g}",
        about=f"Usual distillation of the closed answers, softened at T = {value:g}.",
        interface="probabilities",
        prepare=prepare,
        level="quick",
    )


ATTACKS = tuple(at_temperature(value) for value in (1.0, 4.0, 8.0, 16.0))
