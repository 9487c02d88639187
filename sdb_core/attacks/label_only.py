"""The classes that the box names, with the true labels beside and without: all that no defence can hide."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import named_label_objective
from sdb_core.teaching import Lesson


def prepare(scene: Scene) -> Lesson:
    """(1 - alpha) CE with the labels + alpha CE with the named class; without labels, the named class alone."""
    answers = scene.answers()
    return scene.lesson(lambda net: named_label_objective(net, answers, alpha=scene.settings.alpha))


ATTACKS = (
    Attack("label-only", "The class that the box names, and the true label.", "labels", prepare, level="quick"),
    Attack("label-only-no-truth", "The class that the box names, and no label.", "labels", prepare, truth=False),
)
