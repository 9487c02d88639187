"""What is asked of a box and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sdb_client.arrays import to_npy

Images = bytes | Path | npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Output = Literal["labels", "probs", "logits"]

NPY = "application/x-npy"
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"\x93NUMPY": NPY}


@dataclass(frozen=True)
class ClassProb:
    """One class and its probability."""

    label: int
    prob: float
    class_name: str | None = None


@dataclass(frozen=True)
class Prediction:
    """The answer for one image; what was not asked for is None."""

    label: int
    class_name: str | None = None
    probs: tuple[ClassProb, ...] | None = None
    logits: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Predictions:
    """The answers of a box for a batch, in its order."""

    box_id: str
    labels: tuple[int, ...]
    predictions: tuple[Prediction, ...]


def predict_params(
    outputs: Sequence[str] | None, temperature: float, *, resize: bool
) -> dict[str, str | int | float | bool]:
    params: dict[str, str | int | float | bool] = {"temperature": temperature}
    if outputs is not None:
        params["return"] = ",".join(outputs)
    if resize:
        params["resize"] = True
    return params


def body_of(images: Images) -> tuple[bytes, str]:
    """The bytes of a request and their media type."""
    if isinstance(images, Path):
        images = images.read_bytes()
    if isinstance(images, bytes):
        known = (kind for magic, kind in _KINDS.items() if images.startswith(magic))
        return images, next(known, "application/octet-stream")
    return to_npy(images), NPY
