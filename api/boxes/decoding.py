"""From the bytes of a request to a batch for the box. Every byte is hostile: size comes before memory."""

import io
import math
import tokenize
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sdb_service.errors import Invalid, Malformed, TooLarge, UnsupportedMedia

Batch = npt.NDArray[np.float32]

IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG"}
NPY = "application/x-npy"
_MAX_PIXELS = 16_777_216
_NPY_HEADER = 1024
_NPY_ERRORS = (ValueError, KeyError, TypeError, EOFError, tokenize.TokenError, RecursionError, MemoryError)


def decode(body: bytes, content_type: str, shape: dict[str, Any], *, max_images: int, resize: bool) -> Batch:
    """A request body as a batch [N, C, H, W], float32, in the box's normalised input space.

    `image/png` and `image/jpeg` are one image. `application/x-npy` is (N, H, W, C) uint8 pixels, which are
    normalised here, or (N, C, H, W) float32 that is normalised already.

    Raises:
        UnsupportedMedia, Malformed, Invalid, TooLarge: each names the cure.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in IMAGES:
        return normalised(_pixels_of_image(body, IMAGES[kind], shape, resize=resize)[None], shape)
    if kind == NPY:
        return _from_npy(body, shape, max_images=max_images)
    raise UnsupportedMedia(
        "media_type_unknown", f"Send image/png, image/jpeg or {NPY} as Content-Type; {kind or 'none'} is not taken."
    )


def normalised(pixels: npt.NDArray[np.uint8], shape: dict[str, Any]) -> Batch:
    """Pixels [N, H, W, C] in 0..255 as (x / 255 - mean) / std in [N, C, H, W]."""
    mean, std = np.float32(shape["mean"]), np.float32(shape["std"])
    scaled = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def _pixels_of_image(body: bytes, kind: str, shape: dict[str, Any], *, resize: bool) -> npt.NDArray[np.uint8]:
    height, width, channels = shape["height"], shape["width"], shape["channels"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(body), formats=[kind])
            if image.width * image.height > _MAX_PIXELS:
                raise _too_many_pixels()
            if (image.height, image.width) != (height, width) and not resize:
                raise Invalid(
                    "image_size",
                    f"The image is {image.width}x{image.height} and the box takes {width}x{height}; "
                    "resize it, or add ?resize=true to let the server do it.",
                )
            image = image.convert("L" if channels == 1 else "RGB")
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except (OSError, ValueError, SyntaxError) as error:
        raise Malformed("image_unreadable", f"The body is no whole {kind} image; check that the file opens.") from error
    if channels not in (1, 3):
        raise Invalid("image_channels", f"The box takes {channels} channels, which images cannot carry; send {NPY}.")
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def _too_many_pixels() -> TooLarge:
    return TooLarge("image_too_large", f"The image has over {_MAX_PIXELS} pixels; send it smaller.")


def _from_npy(body: bytes, shape: dict[str, Any], *, max_images: int) -> Batch:
    array = read_npy(body)
    channels, height, width = shape["channels"], shape["height"], shape["width"]
    if array.ndim == 3:
        array = array[None]
    if array.ndim == 4 and not 1 <= len(array) <= max_images:
        raise TooLarge("batch_too_large", f"A request carries 1 to {max_images} images; this one has {len(array)}.")
    if array.dtype == np.uint8 and array.shape[1:] == (height, width, channels):
        return normalised(array, shape)
    if array.dtype == np.float32 and array.shape[1:] == (channels, height, width):
        if not np.isfinite(array).all():
            raise Invalid("values_not_finite", "The array holds NaN or infinite values; send finite numbers.")
        return np.ascontiguousarray(array)
    raise Invalid(
        "array_shape",
        f"The array is {array.dtype} {array.shape}; send uint8 (N, {height}, {width}, {channels}) pixels "
        f"or float32 (N, {channels}, {height}, {width}) normalised values.",
    )


def read_npy(body: bytes) -> npt.NDArray[Any]:
    """An npy array, its header checked against the bytes that really came before any memory is given."""
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        shape, fortran, dtype = read_header(file, max_header_size=_NPY_HEADER)
    except _NPY_ERRORS as error:  # numpy reads the header as Python, with all that a parser can stumble over
        raise Malformed("npy_unreadable", "The body is no npy array; write it with numpy.save.") from error
    rest = body[file.tell() :]
    if dtype.hasobject or dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != len(rest):
        raise _misfit()
    try:
        return np.frombuffer(rest, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    except (ValueError, TypeError) as error:  # negative, or more dimensions than there can be
        raise _misfit() from error


def _misfit() -> Malformed:
    return Malformed("npy_unreadable", "The npy header and its data do not fit; write it again with numpy.save.")
