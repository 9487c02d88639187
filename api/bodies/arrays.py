"""Batches that come as numbers: npy, bare bytes, safetensors and JSON, each held against what the box takes."""

import base64
import binascii
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load

from api.bodies.geometry import Geometry, Images
from api.bodies.npy import read_npy
from sdb_service.errors import Invalid, Malformed, TooLarge

RAW = "application/octet-stream"
SAFETENSORS = "application/x-safetensors"
JSON = "application/json"

_NAME = "images"  # of the tensor, and of the JSON field
_MOST_JSON = 8 * 2**20  # a list of numbers takes ten times its text in memory
_DEPTH = 4  # of nested lists: images, rows or channels, and so on


def from_npy(body: bytes, geometry: Geometry, *, max_images: int) -> Images:
    """(N, H, W, C) uint8 pixels or (N, C, H, W) float32 in normalised input space; one image may come without N."""
    return require_images(read_npy(body), geometry, max_images=max_images)


def from_raw(body: bytes, dtype: str, geometry: Geometry, *, max_images: int) -> Images:
    """The same numbers without a header, little-endian and in C order; `dtype` is uint8 or float32.

    Raises:
        Malformed: the length is no whole number of images. Invalid: another dtype.
    """
    if dtype not in ("uint8", "float32"):
        raise Invalid(
            "dtype_unknown", f"Send dtype=uint8 or dtype=float32 in the Content-Type; {dtype!r} is not taken."
        )
    channels, height, width = geometry.channels, geometry.height, geometry.width
    one = channels * height * width * np.dtype(dtype).itemsize
    if not body or len(body) % one:
        raise Malformed(
            "raw_length", f"One image is {one} bytes of {dtype}, and {len(body)} are no whole number of images."
        )
    shape = (-1, height, width, channels) if dtype == "uint8" else (-1, channels, height, width)
    return require_images(np.frombuffer(body, np.dtype(dtype)).reshape(shape), geometry, max_images=max_images)


def from_safetensors(body: bytes, geometry: Geometry, *, max_images: int) -> Images:
    """The tensor `images` of a safetensors file, as in npy.

    Raises:
        Malformed: no safetensors file, or none with this tensor.
    """
    try:
        found = load(body)
    except (SafetensorError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise Malformed(
            "safetensors_unreadable", "The body is no safetensors file; write it with safetensors."
        ) from error
    if _NAME not in found:
        raise Malformed("tensor_missing", f"The file has no tensor named {_NAME!r}; name it so.")
    return require_images(found[_NAME], geometry, max_images=max_images)


def from_json(body: bytes, geometry: Geometry, *, max_images: int) -> Images | list[bytes]:
    """`{"images": ...}`: nested lists of pixels 0..255 (N, H, W, C), or base64 of PNG or JPEG files.

    Whole numbers are pixels; numbers with a point are normalised values (N, C, H, W).

    Raises:
        Malformed, Invalid, TooLarge: each names the cure.
    """
    if len(body) > _MOST_JSON:
        raise TooLarge("json_too_large", f"JSON may have {_MOST_JSON} bytes; send more as npy, a fraction of its size.")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("json_unreadable", f"The body is no JSON: {error}.") from error
    images = found.get(_NAME) if isinstance(found, dict) else None
    if not isinstance(images, list) or not images:
        raise Malformed(
            "json_images_missing", f'Send {{"{_NAME}": [...]}}: nested lists of pixels, or base64 of files.'
        )
    if len(images) > max_images:
        raise _batch_too_large(len(images), max_images)
    if all(isinstance(one, str) for one in images):
        return [_bytes_of(one) for one in images]
    return require_images(_array_of(images), geometry, max_images=max_images)


def require_images(array: npt.NDArray[Any], geometry: Geometry, *, max_images: int) -> Images:
    """The array, if these are images for the box.

    Raises:
        Invalid: another dtype or shape, or values that are not finite. TooLarge: too many.
    """
    channels, height, width = geometry.channels, geometry.height, geometry.width
    if array.ndim == 3:
        array = array[None]
    if array.ndim == 4 and not 1 <= len(array) <= max_images:
        raise _batch_too_large(len(array), max_images)
    if array.dtype == np.uint8 and array.shape[1:] == (height, width, channels):
        return array
    if array.dtype == np.float32 and array.shape[1:] == (channels, height, width):
        if not np.isfinite(array).all():
            raise Invalid("values_not_finite", "The array holds NaN or infinite values; send finite numbers.")
        return np.ascontiguousarray(array)
    raise Invalid(
        "array_shape",
        f"The array is {array.dtype} {array.shape}; send uint8 (N, {height}, {width}, {channels}) pixels "
        f"or float32 (N, {channels}, {height}, {width}) normalised values.",
    )


def _array_of(images: list[Any]) -> npt.NDArray[Any]:
    try:
        array = np.array(images)
    except (ValueError, OverflowError) as error:
        raise _ragged() from error
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype.kind in "iu" and array.ndim <= _DEPTH:
        if array.size and (array.min() < 0 or array.max() > 255):
            raise Invalid("pixel_range", "Whole numbers are pixels from 0 to 255; send normalised values with a point.")
        return array.astype(np.uint8)
    raise _ragged()


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(
            "base64_unreadable", "An image is no base64; encode the bytes of a PNG or JPEG file."
        ) from error


def _ragged() -> Malformed:
    return Malformed("json_images_ragged", "The nested lists are no array of numbers; send rows of one length.")


def _batch_too_large(count: int, most: int) -> TooLarge:
    return TooLarge("batch_too_large", f"A request carries 1 to {most} images; this one has {count}.")
