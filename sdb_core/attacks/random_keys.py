"""Wrong random keys, drawn as the right one is (Table 6 of arXiv 2112.03695)."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.teaching import Lesson


def with_random_key(number: int) -> Attack:
    """Usual distillation of x blended with wrong key `number`."""

    def prepare(scene: Scene) -> Lesson:
        answers = scene.answers(key=scene.random_key(f"random-key-{number}"))
        return scene.lesson(lambda net: soft_objective(net, answers, settings=scene.settings))

    return Attack(
        name=f"random-key-{number}",
        about="Usual distillation with a random key of the attacker's own blended into the queries.",
        interface="probabilities",
        prepare=prepare,
        level="quick",
    )


ATTACKS = tuple(with_random_key(number) for number in (1, 2, 3))
