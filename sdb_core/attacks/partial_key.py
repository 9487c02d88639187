"""A leaked part of the key: some pixels right, the others drawn anew."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.teaching import Lesson


def with_part(percent: int) -> Attack:
    """Usual distillation with a key of which `percent` of the pixels are right."""

    def prepare(scene: Scene) -> Lesson:
        key = scene.key_with(percent / 100.0)
        answers = scene.answers(key=key)
        return scene.lesson(
            lambda net: soft_objective(net, answers, settings=scene.settings),
            notes={"correlation_with_key": scene.correlation_with_key(key)},
        )

    return Attack(
        name=f"partial-key-{percent}",
        about=f"Usual distillation with a key of which {percent}% of the pixels are right and the others random.",
        interface="probabilities",
        prepare=prepare,
        holds="part of the key",
        level="standard" if percent == 50 else "full",
    )


ATTACKS = tuple(with_part(percent) for percent in (25, 50, 90))
