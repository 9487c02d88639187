"""The images of several requests become one batch, as the net takes it."""

import math
import threading
from collections.abc import Sequence

import numpy as np

from api.bodies.geometry import Batch, Images, Pixels
from api.predictions.known import Standing
from api.predictions.questions import Slice


class _Scratch(threading.local):
    """One batch for each thread, written over by the next: fresh memory costs a page fault every 4 KiB."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.float32)

    def batch(self, shape: tuple[int, ...]) -> Batch:
        size = math.prod(shape)
        if size > len(self._room):
            self._room = np.empty(size, np.float32)
        return self._room[:size].reshape(shape)


_SCRATCH = _Scratch()


def as_net_takes(images: Images, standing: Standing, *, out: Batch | None = None) -> Batch:
    """Images [N, C, H, W] in normalised input space; under a key, x~ = lambda x + (1 - lambda) kappa (Eq. 5)."""
    if images.dtype == np.uint8:
        return standing.affine(images, out=out)  # type: ignore[arg-type]
    batch: Batch = images  # type: ignore[assignment]
    return batch if standing.kappa is None else blend(batch, standing.kappa, lam=standing.box.lam, out=out)


def blend(batch: Batch, kappa: Batch, *, lam: float, out: Batch | None = None) -> Batch:
    """x~ = lambda x + (1 - lambda) kappa (Eq. 5) for x [N, C, H, W] and kappa [C, H, W], in float32."""
    share = np.float32(lam)
    found = np.multiply(batch, share, out=out)
    found += (np.float32(1) - share) * kappa
    return found


def assembled(slices: Sequence[Slice], *, most: int) -> Batch:
    """The next batch [N, C, H, W] of one box, of at most `most` images; it is written over by the thread's next."""
    standing = slices[0][0].ticket.standing
    geometry = standing.box.geometry
    out = _SCRATCH.batch((most, geometry.channels, geometry.height, geometry.width))
    if len(slices) == 1:
        question, start, end = slices[0]
        return np.ascontiguousarray(as_net_takes(question.images[start:end], standing, out=out[: end - start]))
    parts = [question.images[start:end] for question, start, end in slices]
    is_plain = all(question.ticket.standing.kappa is None for question, _, _ in slices)
    if is_plain and all(images.dtype == np.uint8 for images in parts):
        pixels: Pixels = np.concatenate(parts)
        return as_net_takes(pixels, standing, out=out[: len(pixels)])
    pairs = zip(parts, slices, strict=True)
    return np.concatenate([as_net_takes(images, question.ticket.standing) for images, (question, _, _) in pairs])
