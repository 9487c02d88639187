"""Checkpoints and data sets made on the spot."""

import io
import zipfile
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from sdb_core.nets import build


def weights(
    architecture: str = "sdb:cnn-mini", *, classes: int = 10, side: int = 8, channels: int = 1
) -> dict[str, Any]:
    """The state dict of a random network."""
    torch.manual_seed(0)
    net = build(architecture, num_classes=classes, channels=channels, height=side, width=side)
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def as_safetensors(tensors: dict[str, torch.Tensor]) -> bytes:
    return bytes(save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def image_folder(*, classes: int = 2, each: int = 12, side: int = 8, colour: bool = False) -> bytes:
    """A zip of small random images, `train/CLASS/N.png` and `test/CLASS/N.png`."""
    random, file = np.random.default_rng(0), io.BytesIO()
    shape = (side, side, 3) if colour else (side, side)
    with zipfile.ZipFile(file, "w") as archive:
        for label in range(classes):
            for number in range(each):
                split = "test" if number % 4 == 0 else "train"
                picture = io.BytesIO()
                Image.fromarray(random.integers(0, 255, shape, dtype=np.uint8)).save(picture, "PNG")
                archive.writestr(f"{split}/class{label}/{number}.png", picture.getvalue())
    return file.getvalue()


def as_npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def reason_of(row: dict[str, Any]) -> str:
    """The code, after a look that the sentence is one: it must name a cure."""
    assert len(row["reason"]["detail"]) > 30, row
    return str(row["reason"]["code"])
