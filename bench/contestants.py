"""Who takes a step in `bench/step.py`: the floor, ours, the authors'."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from bench.authors_step import AuthorsStep
from bench.paced import Paced
from sdb_core.datasets import LabelledImages
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.settings import WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap

SEED = 0
SCALE = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_MOVING, _STILL = {"augment": "shift-flip"}, {"augment": "none"}
_FEW = {"beside": 0.25, "mixup": 0.0}
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "sdb": ("sdb", _MOVING),
    "sdb cached": ("sdb", _STILL),
    "hardened": ("sdb-hardened", _MOVING),
    "hardened cached": ("sdb-hardened", _STILL),
    "hardened light": ("sdb-hardened", _MOVING | _FEW),
    "hardened light cached": ("sdb-hardened", _STILL | _FEW),
}
# Inputs of the box's net, and of each frozen net, as multiples of the batch.
FLOORS: dict[str, tuple[float, tuple[int, ...]]] = {
    "floor": (2.0, (1, 1)),
    "floor of hardened": (4.0, (2,)),
    "floor of hardened light": (2.25, (1,)),
}
AUTHORS, AUTHORS_BFLOAT16 = "authors", "authors in bfloat16"
NAMES = (*OURS, AUTHORS, AUTHORS_BFLOAT16)
Steps = Callable[[int], None]


def contestants(given: argparse.Namespace) -> dict[str, Steps]:
    """By name, the floors first: each takes so many steps when called with their number."""
    makers: dict[str, Callable[[], Steps]] = {name: partial(_ours, name, given) for name in OURS}
    makers[AUTHORS] = partial(_theirs, given, bfloat16=False)
    if given.precision == "bfloat16":
        makers[AUTHORS_BFLOAT16] = partial(_theirs, given, bfloat16=True)
    wanted = {name: make for name, make in makers.items() if not given.only or name in given.only}
    floors = {name: Floor(given, *FLOORS[name]) for name in FLOORS if name == "floor" or _of(name) in wanted}
    return {name: _held(floor) for name, floor in floors.items()} | {name: make() for name, make in wanted.items()}


def _of(floor: str) -> str:
    return floor.removeprefix("floor of ")


class Floor:
    """What a step on so many inputs cannot do without: for two streams, T and T0 8 forwards of B inputs."""

    def __init__(self, given: argparse.Namespace, streams: float = 2.0, asked: tuple[int, ...] = (1, 1)) -> None:
        self.bfloat16 = given.precision == "bfloat16"
        self.net, *frozen = (net.to(memory_format=torch.channels_last) for net in _nets(given))
        self.frozen, self.asked = frozen[: len(asked)], [count * given.batch for count in asked]
        for net in self.frozen:
            net.eval().requires_grad_(False)
        if given.compile:
            for net in (self.net, *self.frozen):
                net.compile(dynamic=False)
        rows = round(streams * given.batch)
        x = torch.randn(rows, 3, given.size, given.size, generator=torch.Generator().manual_seed(SEED))
        self.x = x.to(given.device).contiguous(memory_format=torch.channels_last)
        self.slope = torch.ones(rows, given.classes, device=given.device) / given.batch

    def __call__(self) -> None:
        """Take one step."""
        self.net.zero_grad(set_to_none=True)
        with torch.autocast(self.x.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            with torch.no_grad():
                for net, count in zip(self.frozen, self.asked, strict=True):
                    net(self.x[:count])
            logits = self.net(self.x)
        logits.backward(self.slope.to(logits.dtype))


def _ours(name: str, given: argparse.Namespace) -> Steps:
    policy, own = OURS[name]
    values = {
        **own,
        "precision": given.precision,
        "compile": given.compile,
        "batch_size": given.batch,
        "optimiser": "sgd",
        "lr": 1e-4,
        "epochs": 100_000,
        "checkpoint_seconds": 1e9,
    }
    settings = WrapSettings.for_policy(policy, values)
    architecture = Architecture(given.net, given.classes, 3, given.size, given.size)
    mean, std = SCALE
    generator = torch.Generator().manual_seed(SEED)
    key = Key.random(architecture.shape, mean=mean, std=std, lam=settings.lam, generator=generator)
    original, images, paced = _nets(given)[1], _images(given), Paced()
    run = Run("wrap", SEED, device=torch.device(given.device), observer=paced)
    paced.start(
        lambda: wrap(original, images, key, policy=policy, settings=settings, architecture=architecture, run=run)
    )
    return paced


def _theirs(given: argparse.Namespace, *, bfloat16: bool) -> Steps:
    images = _images(given)
    return _held(AuthorsStep(_nets(given), images.images, images.labels, batch=given.batch, bfloat16=bfloat16))


def _held(step: Callable[[], None]) -> Steps:
    """`step` in a thread of its own, as ours: memory of a thread that is not the first costs more."""
    paced = Paced()

    def work() -> None:
        while not paced.should_stop():
            step()

    paced.start(work)
    return paced


def _nets(given: argparse.Namespace) -> list[nn.Module]:
    """T*, T and T0 with random weights."""
    torch.manual_seed(SEED)
    architecture = Architecture(given.net, given.classes, 3, given.size, given.size)
    return [architecture.build().to(given.device) for _ in range(3)]


def _images(given: argparse.Namespace) -> LabelledImages:
    generator = torch.Generator().manual_seed(SEED)
    pixels = torch.randint(0, 256, (given.images, 3, given.size, given.size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, given.classes, (given.images,), generator=generator)
    return LabelledImages(pixels, labels, tuple(map(str, range(given.classes))))
