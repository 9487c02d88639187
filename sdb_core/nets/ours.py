"""The nets of our own, by name: the papers' at CIFAR size, and four smaller ones."""

from collections.abc import Callable

from torch import nn

from sdb_core.nets.cnn import CnnMini, CnnSmall, CnnStrided, PlainCnn
from sdb_core.nets.mobilenetv2 import MobileNetV2
from sdb_core.nets.resnetc import resnetc8, resnetc20, resnetc32
from sdb_core.nets.resnets import resnet18, resnet50
from sdb_core.nets.resnext import ResNeXt29
from sdb_core.nets.shufflenetv2 import ShuffleNetV2

# The names and shapes of the papers' weights are those of the authors' code (github.com/JngwenYe/SDB, folder model).
OURS: dict[str, Callable[..., nn.Module]] = {
    "sdb:cnn": PlainCnn,
    "sdb:cnn-mini": CnnMini,
    "sdb:cnn-small": CnnSmall,
    "sdb:cnn-strided": CnnStrided,
    "sdb:mobilenetv2": MobileNetV2,
    "sdb:resnet18": resnet18,
    "sdb:resnet50": resnet50,
    "sdb:resnetc8": resnetc8,
    "sdb:resnetc20": resnetc20,
    "sdb:resnetc32": resnetc32,
    "sdb:resnext29": ResNeXt29,
    "sdb:shufflenetv2": ShuffleNetV2,
}
