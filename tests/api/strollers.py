"""Streams of images for tests of the monitor: of people who use a box, and of people who copy it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Geometry, Pixels
from api.monitoring.callers import Caller, Callers
from api.monitoring.judging import Finding, Limits, judge
from sdb_service.settings import Settings
from tests.api.networks import CLASSES, INPUT

GEOMETRY = Geometry.of(INPUT | {"height": 16, "width": 16})
LIMITS = Limits.of(Settings())
PASS = 64


def natural(count: int, *, seed: int = 0, side: int = 16) -> Pixels:
    """Smooth pictures [N, side, side, 3] of different brightness and contrast: unlike each other, as photographs."""
    random = np.random.default_rng(seed)
    coarse = random.normal(size=(count, side // 4, side // 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    fine = random.normal(size=(count, side, side, 3))
    contrast = random.uniform(25, 60, size=(count, 1, 1, 1))
    brightness = random.uniform(80, 170, size=(count, 1, 1, 1))
    return np.clip(brightness + contrast * (coarse + 0.3 * fine), 0, 255).astype(np.uint8)


def stepped(images: Pixels, *, step: float = 10.0, seed: int = 0) -> Pixels:
    """Each pixel a step up or down, as attacks along the signs of a slope take them."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=images.shape)
    return np.clip(images + step * signs, 0, 255).astype(np.uint8)


def augmented(count: int, *, step: float, seed: int = 0, side: int = 16) -> Pixels:
    """Rounds of steps from all images so far, beginning with 60 natural ones."""
    images = natural(60, seed=seed, side=side)
    while len(images) < count:
        images = np.concatenate([images, stepped(images, step=step, seed=seed + len(images))])
    return images[:count]


def sweep(count: int, *, seed: int = 0) -> Pixels:
    """Points on the line between two images."""
    start, end = natural(2, seed=seed).astype(np.float32)
    return (start + np.linspace(0, 1, count)[:, None, None, None] * (end - start)).round().astype(np.uint8)


def answers(images: Pixels, *, seed: int = 3) -> npt.NDArray[np.float32]:
    """Logits [N, 10] of a random linear net: near images are answered alike, mostly."""
    flat = images.reshape(len(images), -1).astype(np.float32) - 127
    weights = np.random.default_rng(seed).normal(size=(flat.shape[1], CLASSES)).astype(np.float32)
    return flat @ weights


def standing(*, box: str = "box_1", account: str | None = None, geometry: Geometry = GEOMETRY) -> Any:
    caller = None if account is None else SimpleNamespace(account_id=account)
    named = SimpleNamespace(id=box, num_classes=CLASSES, geometry=geometry)
    return SimpleNamespace(caller=caller, box=named, is_owner=False)


def findings(
    images: Pixels, *, training_images: int | None = 100_000, at_once: int = PASS, **changes: Any
) -> dict[str, Finding]:
    """All that is found in any pass while these images are asked one after the other."""
    callers = Callers(capacity=8)
    caller = callers.of(standing(**changes), "203.0.113.7")
    found: dict[str, Finding] = {}
    for start in range(0, len(images), at_once):
        ask(caller, images[start : start + at_once])
        others = callers.others(caller)
        for finding in judge(caller.evidence.numbers(), LIMITS, others=others, training_images=training_images):
            found.setdefault(finding.kind, finding)
    return found


def ask(caller: Caller, images: Pixels, logits: npt.NDArray[np.float32] | None = None) -> None:
    """Images that were all looked at; of more than a pass compares, some are compared."""
    caller.evidence.queries += len(images)
    caller.add([images], [answers(images) if logits is None else logits], compared=PASS)
