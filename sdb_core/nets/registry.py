"""From a name to a network."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from sdb_core.errors import ArchitectureRefused
from sdb_core.nets import timm_nets, torchvision_nets
from sdb_core.nets.naming import unknown
from sdb_core.nets.ours import OURS
from sdb_core.nets.program import Program

PROGRAM = "program"
_SMALLEST = 8
_LARGEST = 1024


@dataclass(frozen=True)
class Architecture:
    """A network's name and the sizes it is built for; inputs are [B, channels, height, width], logits [B, K].

    The name `program` stands for the network in `source`, which came as a file.
    """

    name: str
    num_classes: int
    channels: int
    height: int
    width: int
    source: Program | None = field(default=None, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    def build(self) -> nn.Module:
        """A new network with random weights from torch's global generator."""
        if self.name == PROGRAM and self.source is not None:
            return self.source.build(num_classes=self.num_classes, shape=self.shape)
        return build(
            self.name,
            num_classes=self.num_classes,
            channels=self.channels,
            height=self.height,
            width=self.width,
        )

    def named(self, name: str) -> "Architecture":
        """Another network for the same task."""
        return dataclasses.replace(self, name=name)

    def to_dict(self) -> dict[str, Any]:
        """Name and sizes as plain values, and which file a program came as."""
        facts = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "source"}
        return facts | ({"sha256": self.source.sha256} if self.name == PROGRAM and self.source is not None else {})


def names() -> list[str]:
    """The networks of our own; those of torchvision and timm come on top, as `torchvision:NAME` and `timm:NAME`."""
    return sorted(OURS)


def build(architecture: str, *, num_classes: int, channels: int, height: int, width: int) -> nn.Module:
    """Build `architecture` with random weights.

    Reads normalised float32 [B, channels, height, width], answers logits [B, num_classes].
    Raises UnknownArchitecture (with near names), ArchitectureRefused where it cannot serve such inputs, or
    ArchitectureUnavailable where its package is not installed.
    """
    _check_sizes(num_classes=num_classes, channels=channels, height=height, width=width)
    if architecture == PROGRAM:
        raise ArchitectureRefused("A program is built from its .pt2 file; name the file, or choose a named network.")
    if architecture in OURS:
        return OURS[architecture](num_classes, channels=channels)
    shape = (channels, height, width)
    if architecture.startswith(torchvision_nets.PREFIX):
        return torchvision_nets.torchvision_net(architecture, num_classes=num_classes, shape=shape)
    if architecture.startswith(timm_nets.PREFIX):
        return timm_nets.timm_net(architecture, num_classes=num_classes, shape=shape)
    raise unknown(architecture, torchvision_nets.torchvision_names())


def _check_sizes(*, num_classes: int, channels: int, height: int, width: int) -> None:
    if num_classes < 2:
        raise ArchitectureRefused(f"A classifier needs at least two classes, not {num_classes}.")
    if not 1 <= channels <= 4 or not all(_SMALLEST <= side <= _LARGEST for side in (height, width)):
        raise ArchitectureRefused(
            f"Inputs must have 1 to 4 channels and sides of {_SMALLEST} to {_LARGEST} pixels, "
            f"not {channels}x{height}x{width}."
        )


def parameter_count(net: nn.Module) -> int:
    """How many trainable numbers a net has."""
    return sum(math.prod(parameter.shape) for parameter in net.parameters())
