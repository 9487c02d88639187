"""Batches that come as numbers: npy, bare bytes, safetensors and JSON, each held against what the box takes."""

import base64
import binascii
import math
from itertools import chain
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
_DATATYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "UINT8": np.dtype(np.uint8),
    "FP16": np.dtype("<f2"),
}


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
    found = read_json(body)
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


def from_tensor(
    data: bytes | list[Any], datatype: str, shape: tuple[int, ...], geometry: Geometry, *, max_images: int
) -> Images:
    """A tensor of the Open Inference Protocol: UINT8 (N, H, W, C) pixels, or FP32 or FP16 (N, C, H, W) normalised.

    `data` is bare bytes, little-endian and in C order, or lists of numbers, flat or nested.

    Raises:
        Malformed: data and shape do not fit. Invalid, TooLarge: no images for the box.
    """
    if (dtype := _DATATYPES.get(datatype)) is None:
        raise Invalid(
            "datatype_unknown", f"Send datatype {', '.join(_DATATYPES)}; {datatype[:20]!r} is none that a box takes."
        )
    array = _elements_of(data, dtype)
    if array.size != math.prod(shape):
        raise Malformed(
            "tensor_size", f"Shape {list(shape)} and {array.size} elements do not fit; send as many as the shape says."
        )
    try:
        array = array.reshape(shape)
    except ValueError as error:  # nothing, in more dimensions or larger ones than there can be
        raise Malformed("tensor_size", "No array has such a shape; send (N, C, H, W) or (N, H, W, C).") from error
    if dtype == np.float16:
        array = array.astype(np.float32)
    return require_images(array, geometry, max_images=max_images)


def read_json(body: bytes) -> Any:
    """What a JSON text says.

    Raises:
        Malformed: it is none. TooLarge: it is longer than numbers should come as text.
    """
    if len(body) > _MOST_JSON:
        raise TooLarge("json_too_large", f"JSON may have {_MOST_JSON} bytes; send more as npy, a fraction of its size.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("json_unreadable", f"The body is no JSON: {error}.") from error


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
    array = _numbers_of(images)
    return _floats(array) if array.dtype.kind == "f" else _pixels(array)


def _elements_of(data: bytes | list[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if isinstance(data, bytes):
        if len(data) % dtype.itemsize:
            raise Malformed(
                "tensor_size", f"An element has {dtype.itemsize} bytes, and {len(data)} are no whole number of them."
            )
        return np.frombuffer(data, dtype)
    array = _numbers_of(data)
    if dtype != np.uint8:
        return _floats(array)
    if array.size and array.dtype.kind == "f":
        raise Invalid("pixel_range", "UINT8 data are whole numbers from 0 to 255; send normalised values as FP32.")
    return _pixels(array)


def _numbers_of(lists: list[Any]) -> npt.NDArray[Any]:
    """Nested lists as an array. Attack: of one long text among a million short ones numpy makes a square."""
    inner: list[Any] = lists
    for _ in range(_DEPTH - 1):
        if set(map(type, inner)) != {list}:
            break
        inner = list(chain.from_iterable(inner))
    if not set(map(type, inner)) <= {int, float}:
        raise _ragged()
    try:
        return np.array(lists)
    except ValueError as error:
        raise _ragged() from error


def _floats(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _pixels(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.size and (array.min() < 0 or array.max() > 255):
        raise Invalid("pixel_range", "Whole numbers are pixels from 0 to 255; send normalised values with a point.")
    return array.astype(np.uint8)


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
