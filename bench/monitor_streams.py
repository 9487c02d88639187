"""Streams of queries for `bench/monitor.py`: people who use a box, and people who copy it.

Each is a function of a `Target` and a generator, and gives pixels [N, H, W, C] in the order in which they are sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from api.bodies.geometry import Geometry, Pixels

Random = np.random.Generator
Logits = npt.NDArray[np.float32]  # [N, K]
SEEDS = 100  # natural images that an attack begins with
STEP = 25.5  # grey levels: 0.1 of the range, the step of Papernot et al. and of PRADA's attacks


@dataclass(frozen=True)
class Target:
    """A trained net as the box, and natural images that it was not trained on."""

    net: nn.Module
    geometry: Geometry
    natural: Pixels
    training_images: int
    queries: int

    def logits(self, pixels: Pixels) -> Logits:
        """Answers [N, K]; to natural images they are computed once."""
        places = [self._places.get(image.tobytes(), -1) for image in pixels]
        found = self.natural_logits[places]
        unknown = np.flatnonzero(np.array(places) < 0)
        if len(unknown):
            found[unknown] = self._computed(pixels[unknown])
        return found

    @cached_property
    def natural_logits(self) -> Logits:
        """Answers [N, K] to the natural images."""
        return self._computed(self.natural)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {image.tobytes(): place for place, image in enumerate(self.natural)}

    def _computed(self, pixels: Pixels) -> Logits:
        with torch.no_grad():
            parts = [self.net(self._batch(pixels[at : at + 500])) for at in range(0, len(pixels), 500)]
        found: Logits = torch.cat(parts).numpy()
        return found

    def uphill(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Signs of the slope of each answer's own logit, [N, H, W, C]: an attacker's substitute could do no better."""
        batch = self._batch(pixels).requires_grad_(True)
        self.net(batch).max(dim=1).values.sum().backward()
        assert batch.grad is not None
        found: npt.NDArray[np.float32] = batch.grad.sign().permute(0, 2, 3, 1).numpy()
        return found

    def draw(self, random: Random, count: int) -> Pixels:
        """Different natural images."""
        return self.natural[random.choice(len(self.natural), count, replace=False)]

    def _batch(self, pixels: Pixels) -> torch.Tensor:
        return torch.from_numpy(self.geometry.normalised(pixels).copy())


Stream = Callable[[Target, Random], Pixels]


def draws(target: Target, random: Random) -> Pixels:
    """Natural images, each its own. A copier with natural images looks just so."""
    return target.draw(random, target.queries)


def half_as_many(target: Target, random: Random) -> Pixels:
    return target.draw(random, target.queries // 2)


def repeats(target: Target, random: Random) -> Pixels:
    """The same 20 images over and over."""
    return np.tile(target.draw(random, 20), (target.queries // 20, 1, 1, 1))


def one_class(target: Target, random: Random) -> Pixels:
    """Somebody who has images of one class alone."""
    answers = target.natural_logits.argmax(axis=1)
    wanted = np.flatnonzero(answers == random.choice(np.unique(answers)))
    return target.natural[random.permutation(wanted)[: target.queries]]


def two_views(target: Target, random: Random) -> Pixels:
    """Each image, and the same shifted by a pixel, as somebody sends who takes the mean of two answers."""
    images = target.draw(random, target.queries // 2)
    return np.stack([images, np.roll(images, 1, axis=2)], axis=1).reshape(-1, *images.shape[1:])


def natural_copier(target: Target, random: Random) -> Pixels:
    """Knockoff Nets (Orekondy et al., CVPR 2019) at random: a few more images than the box was made with."""
    wanted = round(1.05 * target.training_images)
    images = target.draw(random, min(len(target.natural), wanted))
    return np.concatenate([images, images[: wanted - len(images), :, ::-1]])


def jacobian(target: Target, random: Random) -> Pixels:
    """Jacobian-based augmentation (Papernot et al., AsiaCCS 2017): each round steps from all images so far.

    A fifth of the signs is turned at random: the attacker trains anew between the rounds.
    """
    images = target.draw(random, min(SEEDS, target.queries))
    while len(images) < target.queries:
        images = np.concatenate([images, _stepped(target, images, STEP, random, turned=0.2)])
    return images[: target.queries]


def fgsm(target: Target, random: Random) -> Pixels:
    """Ten small steps from each of many images."""
    images = target.draw(random, target.queries // 10)
    path = [images]
    for _ in range(9):
        path.append(_stepped(target, path[-1], STEP / 4, random))
    return np.stack(path, axis=1).reshape(-1, *images.shape[1:])


def lines(target: Target, random: Random) -> Pixels:
    """A hundred points on lines between images."""
    share = np.linspace(0, 1, 100)[:, None, None, None]
    ends = target.draw(random, 2 * (target.queries // 100)).astype(np.float32)
    pairs = zip(ends[::2], ends[1::2], strict=True)
    return np.concatenate([start + share * (end - start) for start, end in pairs]).round().astype(np.uint8)


def noise(target: Target, random: Random) -> Pixels:
    """Uniform noise."""
    shape = (target.queries, *target.natural.shape[1:])
    return random.integers(0, 256, shape, dtype=np.uint8)


def jacobian_with_decoys(target: Target, random: Random) -> Pixels:
    """Nine natural images before each query of the attack."""
    attack = jacobian(target, random)[: target.queries // 10]
    decoys = target.draw(random, 9 * len(attack)).reshape(len(attack), 9, *attack.shape[1:])
    return np.concatenate([decoys, attack[:, None]], axis=1).reshape(-1, *attack.shape[1:])


def jacobian_over(addresses: int) -> Stream:
    """The part that one of so many addresses sends."""
    return lambda target, random: jacobian(target, random)[::addresses]


BENIGN: dict[str, Stream] = {
    "draws": draws,
    "half as many draws": half_as_many,
    "20 images repeated": repeats,
    "one class": one_class,
    "two views of each": two_views,
}
COPIERS: dict[str, Stream] = {
    "natural images, more than the box was made with": natural_copier,
    "natural images, fewer": draws,
    "jacobian": jacobian,
    "fgsm": fgsm,
    "lines": lines,
    "noise": noise,
    "jacobian, 1 of 10 queries": jacobian_with_decoys,
    "jacobian, over 8 addresses": jacobian_over(8),
    "jacobian, over 16 addresses": jacobian_over(16),
}


def _stepped(target: Target, images: Pixels, step: float, random: Random, *, turned: float = 0.0) -> Pixels:
    signs = np.concatenate([target.uphill(images[at : at + 500]) for at in range(0, len(images), 500)])
    signs *= np.where(random.random(signs.shape) < turned, -1, 1)
    return np.clip(images + step * signs, 0, 255).round().astype(np.uint8)
