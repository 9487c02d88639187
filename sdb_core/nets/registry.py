"""From a name to a network."""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torchvision import models

from sdb_core.errors import ArchitectureRefused, UnknownArchitecture
from sdb_core.nets.cnn import CnnMini, CnnSmall
from sdb_core.nets.resnets import ResNet18, ResNetC20

_OURS: dict[str, Callable[..., nn.Module]] = {
    "sdb:cnn-mini": CnnMini,
    "sdb:cnn-small": CnnSmall,
    "sdb:resnet18": ResNet18,
    "sdb:resnetc20": ResNetC20,
}
_SMALLEST = 8
_LARGEST = 1024


@dataclass(frozen=True)
class Architecture:
    """A network's name and the sizes it is built for; inputs are [B, channels, height, width], logits [B, K]."""

    name: str
    num_classes: int
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    def build(self) -> nn.Module:
        """A new network with random weights from torch's global generator."""
        return build(
            self.name,
            num_classes=self.num_classes,
            channels=self.channels,
            height=self.height,
            width=self.width,
        )

    def named(self, name: str) -> "Architecture":
        """Another network for the same task."""
        return Architecture(name, self.num_classes, self.channels, self.height, self.width)


def names() -> list[str]:
    """The networks of our own; every classifier of torchvision comes on top, as `torchvision:NAME`."""
    return sorted(_OURS)


def build(architecture: str, *, num_classes: int, channels: int, height: int, width: int) -> nn.Module:
    """Build `architecture` with random weights.

    Reads normalised float32 [B, channels, height, width], answers logits [B, num_classes].
    Raises UnknownArchitecture (with near names) or ArchitectureRefused where it cannot serve such inputs.
    """
    _check_sizes(num_classes=num_classes, channels=channels, height=height, width=width)
    if architecture in _OURS:
        return _OURS[architecture](num_classes, channels=channels)
    if architecture.startswith("torchvision:"):
        return _from_torchvision(architecture, num_classes=num_classes, channels=channels, size=(height, width))
    raise _unknown(architecture)


def _check_sizes(*, num_classes: int, channels: int, height: int, width: int) -> None:
    if num_classes < 2:
        raise ArchitectureRefused(f"A classifier needs at least two classes, not {num_classes}.")
    if not 1 <= channels <= 4 or not all(_SMALLEST <= side <= _LARGEST for side in (height, width)):
        raise ArchitectureRefused(
            f"Inputs must have 1 to 4 channels and sides of {_SMALLEST} to {_LARGEST} pixels, "
            f"not {channels}x{height}x{width}."
        )


def _classifiers() -> list[str]:
    return list(models.list_models(module=models))


def _from_torchvision(architecture: str, *, num_classes: int, channels: int, size: tuple[int, int]) -> nn.Module:
    name = architecture.removeprefix("torchvision:")
    if name not in models.list_models():
        raise _unknown(architecture)
    if name not in _classifiers():
        raise ArchitectureRefused(f"{architecture} is no image classifier; choose a classification net of torchvision.")
    if channels != 3:
        raise ArchitectureRefused(
            f"{architecture} reads 3 channels, the model says {channels}; choose an sdb: net or upload RGB images."
        )
    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = _vit_side(architecture, size)
    if name in ("googlenet", "inception_v3"):
        options.update(aux_logits=False, init_weights=False)
    if name == "inception_v3" and min(size) < 75:
        raise ArchitectureRefused(f"{architecture} needs images of at least 75x75 pixels; choose another net.")
    net: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    return net


def _vit_side(architecture: str, size: tuple[int, int]) -> int:
    patch = int(architecture.rsplit("_", 1)[1])
    if size[0] != size[1] or size[0] % patch:
        raise ArchitectureRefused(
            f"{architecture} reads square images with sides that are multiples of {patch}, not {size[0]}x{size[1]}."
        )
    return size[0]


def _unknown(architecture: str) -> UnknownArchitecture:
    known = [*names(), *(f"torchvision:{name}" for name in _classifiers())]
    near = difflib.get_close_matches(architecture, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names())} and torchvision:NAME."
    return UnknownArchitecture(f"There is no architecture {architecture!r}; {hint}")


def parameter_count(net: nn.Module) -> int:
    """How many trainable numbers a net has."""
    return sum(math.prod(parameter.shape) for parameter in net.parameters())
