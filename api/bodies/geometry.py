"""What a box takes: the size of its images, and how pixels become numbers of its input space."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # [N, H, W, C] in 0..255
Batch = npt.NDArray[np.float32]  # [N, C, H, W] in the box's normalised input space
Images = Pixels | Batch

_WHITE = np.float32(255)
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"  # the signature, and the length of the header that must follow
_PNG_HEADER = struct.Struct(">4sIIBB3x")


@dataclass(frozen=True, eq=False)
class Geometry:
    """The input of a box; `mean` and `std` are [C, 1, 1], for pixels in 0..1."""

    channels: int
    height: int
    width: int
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    @classmethod
    def of(cls, shape: Mapping[str, Any]) -> Self:
        """From the `input` of a box's row."""
        mean, std = (np.array(shape[name], np.float32).reshape(-1, 1, 1) for name in ("mean", "std"))
        return cls(shape["channels"], shape["height"], shape["width"], mean, std)

    @cached_property
    def png_starts(self) -> tuple[bytes, ...]:
        """How PNG files begin whose pixels fit as they are: 8 bits deep, grey or as many colours, not interlaced."""
        colours = (0,) if self.channels == 1 else (0, 2)
        headers = [_PNG_HEADER.pack(b"IHDR", self.width, self.height, 8, kind) for kind in colours]
        return tuple(_PNG_MAGIC + header + zlib.crc32(header).to_bytes(4, "big") for header in headers)

    def normalised(self, images: Images, *, out: Batch | None = None) -> Batch:
        """Pixels as (x / 255 - mean) / std, channels first, into `out` where it is given; floats stay as they are."""
        if images.dtype == np.float32:
            return images  # type: ignore[return-value]
        batch = np.empty(_channels_first(images), np.float32) if out is None else out
        batch[...] = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # as bytes: a quarter of the memory to turn
        batch /= _WHITE
        batch -= self.mean
        batch /= self.std
        return batch


def _channels_first(images: Images) -> tuple[int, int, int, int]:
    count, height, width, channels = images.shape
    return count, channels, height, width
