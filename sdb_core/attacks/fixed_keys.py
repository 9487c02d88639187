"""Keys that need no luck: nothing (x alone, dimmed), the mean image, white."""

from collections.abc import Callable

import torch
from torch import Tensor

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.keys import Key
from sdb_core.teaching import Lesson


def zero_key(scene: Scene) -> Key:
    """kappa = 0 in normalised space: the box is asked about lambda x."""
    return Key(kappa=torch.zeros(scene.shape), lam=scene.lam, mean=scene.mean, std=scene.std)


def mean_key(scene: Scene) -> Key:
    """The mean of the attacker's images."""
    return _of_pixels(scene.images.images.float().mean(dim=0) / 255.0, scene)


def white_key(scene: Scene) -> Key:
    """All pixels at their largest."""
    return _of_pixels(torch.ones(scene.shape), scene)


def _of_pixels(pixels: Tensor, scene: Scene) -> Key:
    return Key.from_pixels(pixels.cpu(), mean=scene.mean, std=scene.std, lam=scene.lam)


def _attack(name: str, key: Callable[[Scene], Key], words: str) -> Attack:
    def prepare(scene: Scene) -> Lesson:
        answers = scene.answers(key=key(scene))
        return scene.lesson(lambda net: soft_objective(net, answers, settings=scene.settings))

    return Attack(name, f"Usual distillation with {words} as the key.", "probabilities", prepare)


ATTACKS = (
    _attack("zero-key", zero_key, "nothing (lambda x alone)"),
    _attack("mean-key", mean_key, "the mean image"),
    _attack("white-key", white_key, "a white image"),
)
