"""The weights fine-tuned on labels: what the thief then predicts, and what its net then teaches."""

import copy
import dataclasses

from torch import nn

from sdb_core.answers import frozen
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import fit, label_objective, soft_objective
from sdb_core.settings import StudentSettings
from sdb_core.teaching import Lesson

EPOCHS, RATE = 5, 1e-3


def tune_box(scene: Scene) -> Lesson:
    """The student is the box itself, trained on with CE."""
    box = scene.box()
    return scene.lesson(
        lambda net: label_objective(net, smoothing=0.0),
        new=lambda _: _copied(box),
        settings=_tuning(scene),
    )


def tune_teacher(scene: Scene) -> Lesson:
    """The box is trained on with CE, so that its labels pull its answers straight, and then distilled as usual."""
    teacher = _copied(scene.box())
    run = scene.run("fine-tuned-teacher")
    fit(teacher, scene.images, normalisation=scene.normalisation, settings=_tuning(scene), run=run)
    answers = scene.answers_of(frozen(teacher))
    return scene.lesson(lambda net: soft_objective(net, answers, settings=scene.settings))


def _copied(box: nn.Module) -> nn.Module:
    return copy.deepcopy(box).requires_grad_(True)


def _tuning(scene: Scene) -> StudentSettings:
    return dataclasses.replace(scene.settings, epochs=EPOCHS, lr=RATE, optimiser="adam", min_steps=0)


ATTACKS = (
    Attack(
        name="fine-tuned-teacher",
        about=f"The box trained on the labels for {EPOCHS} more epochs, then distilled as usual.",
        interface="weights",
        prepare=tune_teacher,
        holds="weights",
        level="full",
        asks=False,
    ),
    Attack(
        name="fine-tuned-box",
        about=f"The box itself trained on the labels for {EPOCHS} more epochs; its floor is what the box predicts.",
        interface="weights",
        prepare=tune_box,
        holds="weights",
        level="full",
        large=True,
        asks=False,
        floor="box",
    ),
)
