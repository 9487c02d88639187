"""From encoded images (PNG, JPEG, BMP, WEBP) to one tensor of pixels, within limits of bytes, sides and memory."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from sdb_core.errors import DatasetImageUnreadable, DatasetShapeMixed, DatasetUnreadable

MOST_IMAGES = 200_000
MOST_IMAGE_BYTES = 16 << 20
MOST_SIDE = 1024
MOST_PIXEL_BYTES = 4 << 30
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_GREY = ("1", "L", "LA", "I;16", "I")


@dataclass(frozen=True)
class Encoded:
    """One image as it is stored: which row of the tensor it becomes, the name it goes by in errors, its bytes."""

    row: int
    name: str
    content: bytes


@dataclass(frozen=True)
class Shape:
    """What images are converted to: `channels` (1 or 3) and `size` (height, width); None keeps what is stored."""

    channels: int | None = None
    size: tuple[int, int] | None = None


def stacked(images: Iterable[Encoded], *, count: int, shape: Shape) -> Tensor:
    """Decode `count` images, each row once, in any order: uint8 [N, C, H, W], grey only if all are.

    Raises DatasetImageUnreadable (names the image), DatasetShapeMixed, DatasetUnreadable for more than fit.
    """
    if count > MOST_IMAGES:
        raise DatasetUnreadable(f"There are {count:,} images, more than {MOST_IMAGES:,}; give a smaller data set.")
    pixels: NDArray[np.uint8] | None = None  # [N, C, H, W]
    rows = set[int]()
    for image in images:
        rows.add(image.row)
        one = decoded(image, shape=shape)
        if image.row >= count:
            raise DatasetUnreadable(f"There are more images than the {count} that were told; write them again.")
        if pixels is None:
            pixels = _room(count, one)
        if one.shape[1:] != pixels.shape[2:]:
            raise DatasetShapeMixed(
                f"{image.name} is {one.shape[2]}x{one.shape[1]}, others are "
                f"{pixels.shape[3]}x{pixels.shape[2]}; resize all images to one size."
            )
        if len(one) > pixels.shape[1]:
            pixels = np.repeat(pixels, len(one), axis=1)
        pixels[image.row] = one
    if pixels is None or len(rows) != count:
        raise DatasetUnreadable(f"There are {len(rows)} images where {count} were told; pack or write them again.")
    return torch.from_numpy(pixels)


def decoded(image: Encoded, *, shape: Shape) -> NDArray[np.uint8]:
    """One image as uint8 [1 or 3, H, W]. Raises DatasetImageUnreadable."""
    if len(image.content) > MOST_IMAGE_BYTES:
        raise DatasetImageUnreadable(f"{image.name} has more than {MOST_IMAGE_BYTES >> 20} MiB; make it smaller.")
    try:
        picture: Image.Image = Image.open(io.BytesIO(image.content), formats=_FORMATS)
        if max(picture.size) > MOST_SIDE:
            raise DatasetImageUnreadable(
                f"{image.name} is {picture.width}x{picture.height}; sides may have {MOST_SIDE} pixels."
            )
        grey = shape.channels == 1 if shape.channels is not None else picture.mode in _GREY
        picture = picture.convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetImageUnreadable(f"{image.name} cannot be decoded as an image; replace or remove it.") from error
    if shape.size is not None and (picture.height, picture.width) != shape.size:
        picture = picture.resize((shape.size[1], shape.size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _room(count: int, first: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Memory for `count` images like the first; refused before it is taken where it would be too much."""
    height, width = first.shape[1:]
    if count * 3 * height * width > MOST_PIXEL_BYTES:
        raise DatasetUnreadable(
            f"{count:,} images of {width}x{height} take more than {MOST_PIXEL_BYTES >> 30} GiB; give fewer or smaller."
        )
    return np.empty((count, *first.shape), dtype=np.uint8)
