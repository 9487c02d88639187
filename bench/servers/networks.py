"""The networks that all contenders serve, with random weights: what an answer costs does not depend on them."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sdb_core.nets import Architecture
from worker.child.export import export

MEAN = np.array([0.49, 0.48, 0.45], np.float32).reshape(3, 1, 1)
STD = np.array([0.25, 0.24, 0.26], np.float32).reshape(3, 1, 1)
CLASSES = 10


def network(name: str) -> nn.Module:
    """A network by its name, such as `sdb:cnn-small`, for images of 3x32x32."""
    torch.manual_seed(0)
    return _architecture(name).build()


def write_onnx(name: str, path: Path) -> None:
    """The same network as ONNX, by the export that boxes go through."""
    export(network(name), _architecture(name), path)


def _architecture(name: str) -> Architecture:
    return Architecture(name, num_classes=CLASSES, channels=3, height=32, width=32)
