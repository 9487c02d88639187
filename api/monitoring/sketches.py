"""What is kept of an image: a hash that tells whether it is the same, and a small picture that tells how near it is."""

import hashlib

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Batch, Geometry, Images
from api.monitoring.distinct import Hashes

Sketches = npt.NDArray[np.float16]  # [N, D] in the box's normalised input space
Distances = npt.NDArray[np.float32]

_MOST_NUMBERS = 192  # of a sketch: 8x8 in three colours
_FARTHEST = 16.0  # standard deviations; beyond it all values are alike


def side_of(geometry: Geometry) -> int:
    """The height and width of a sketch."""
    return max(1, min(8, int((_MOST_NUMBERS / geometry.channels) ** 0.5)))


def numbers_of(geometry: Geometry) -> int:
    """The length of a sketch."""
    side = side_of(geometry)
    return geometry.channels * min(side, geometry.height) * min(side, geometry.width)


def hashes_of(images: Images) -> Hashes:
    """A hash for each image, equal where every value is."""
    whole = [hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images]
    return np.frombuffer(b"".join(whole), np.uint64)


def sketches_of(images: Images, geometry: Geometry) -> Sketches:
    """Images as means over areas, [N, D]. What a step of an attack adds to single pixels is mostly lost on the way."""
    batch = np.clip(np.nan_to_num(geometry.normalised(images)), -_FARTHEST, _FARTHEST)
    side = side_of(geometry)
    pooled = _pooled(_pooled(batch, side, axis=2), side, axis=3)
    return pooled.reshape(len(pooled), -1).astype(np.float16)


def distances(left: Sketches, right: Sketches) -> Distances:
    """Root mean square differences [N, M], in standard deviations of the box's input."""
    one, other = left.astype(np.float32), right.astype(np.float32)
    # Not `@`: a matrix product would wake the threads of the linear algebra library, which serve nobody's answers.
    products = np.einsum("nd,md->nm", one, other)
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * products
    found: Distances = np.sqrt(np.maximum(squares, 0) / max(1, one.shape[1]))
    return found


def _pooled(batch: Batch, side: int, *, axis: int) -> Batch:
    length = batch.shape[axis]
    if length <= side:
        return batch
    starts = np.arange(side) * length // side
    sizes = np.diff([*starts, length]).astype(np.float32)
    shape = [side if number == axis else 1 for number in range(batch.ndim)]
    sums: Batch = np.add.reduceat(batch, starts, axis=axis, dtype=np.float32)
    return np.divide(sums, sizes.reshape(shape), dtype=np.float32)
