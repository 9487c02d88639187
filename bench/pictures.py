"""Pictures for load: smooth with some noise, so that they compress to about the size of photographs of 32x32."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def pictures(count: int, *, seed: int = 0, side: int = 32) -> npt.NDArray[np.uint8]:
    """Pixels [N, H, W, 3]. As PNG one takes 2.4 kB, a CIFAR-10 image 2.3 kB."""
    random = np.random.default_rng(seed)
    slopes = np.cumsum(random.normal(size=(count, side, side, 3)) * 6, axis=2)
    return np.clip(slopes + 128 + random.normal(size=slopes.shape) * 8, 0, 255).astype(np.uint8)


def as_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """One picture [H, W, 3] as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def as_npy(pixels: npt.NDArray[Any]) -> bytes:
    """A batch, pixels [N, H, W, 3] or values [N, 3, H, W], as npy."""
    file = io.BytesIO()
    np.save(file, pixels)
    return file.getvalue()
