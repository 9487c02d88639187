"""From the bytes of a request to images for a box, by the content type."""

import numpy as np

from api.bodies.geometry import Geometry, Images
from api.bodies.npy import NPY, read_npy
from api.bodies.pictures import PICTURES, pixels_of, quick_pixels_of
from sdb_service.errors import Invalid, TooLarge, UnsupportedMedia

_FEW_PIXELS = 65_536


def media_type(content_type: str) -> str:
    """`Image/PNG; x=y` as `image/png`."""
    return content_type.partition(";")[0].strip().lower()


def decode(body: bytes, content_type: str, geometry: Geometry, *, max_images: int, resize: bool) -> Images:
    """A request body as pixels [N, H, W, C] or as a batch [N, C, H, W] that is normalised already.

    `image/png` and `image/jpeg` are one image. `application/x-npy` is (N, H, W, C) uint8 pixels or (N, C, H, W)
    float32 in the box's normalised input space.

    Raises:
        UnsupportedMedia, Malformed, Invalid, TooLarge: each names the cure.
    """
    kind = media_type(content_type)
    if kind in PICTURES:
        return pixels_of(body, PICTURES[kind], geometry, resize=resize)
    if kind == NPY:
        return _from_npy(body, geometry, max_images=max_images)
    raise UnsupportedMedia(
        "media_type_unknown", f"Send image/png, image/jpeg or {NPY} as Content-Type; {kind or 'none'} is not taken."
    )


def decode_now(body: bytes, content_type: str, geometry: Geometry, *, max_images: int) -> Images | None:
    """As `decode`, where that costs less than handing it to another thread would; None where it may not.

    Raises:
        Malformed, Invalid, TooLarge: as `decode`.
    """
    if content_type == "image/png" and geometry.height * geometry.width <= _FEW_PIXELS:
        return quick_pixels_of(body, geometry)
    if content_type == NPY:
        return _from_npy(body, geometry, max_images=max_images)
    return None


def _from_npy(body: bytes, geometry: Geometry, *, max_images: int) -> Images:
    array = read_npy(body)
    channels, height, width = geometry.channels, geometry.height, geometry.width
    if array.ndim == 3:
        array = array[None]
    if array.ndim == 4 and not 1 <= len(array) <= max_images:
        raise TooLarge("batch_too_large", f"A request carries 1 to {max_images} images; this one has {len(array)}.")
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
