"""From the bytes of a request to images for a box, by the content type."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from api.bodies import arrays
from api.bodies.forms import FORM, files_of
from api.bodies.geometry import Geometry, Images, Pixels
from api.bodies.npy import NPY
from api.bodies.pictures import PICTURES, pixels_of, plain_png_reader
from sdb_service.errors import Malformed, UnsupportedMedia

_FEW_PIXELS = 65_536
_STARTS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG"}


def media_type(content_type: str) -> str:
    """`Image/PNG; x=y` as `image/png`."""
    return content_type.partition(";")[0].strip().lower()


def decode(body: bytes, content_type: str, geometry: Geometry, *, max_images: int, resize: bool) -> Images:
    """A request body as pixels [N, H, W, C] or as a batch [N, C, H, W] that is normalised already.

    `image/png` and `image/jpeg` are one image; `multipart/form-data` several such files. `application/x-npy`,
    `application/octet-stream; dtype=...` and `application/x-safetensors` (a tensor `images`) are (N, H, W, C) uint8
    pixels or (N, C, H, W) float32 in the box's normalised input space. `application/json` is either, or files.

    Raises:
        UnsupportedMedia, Malformed, Invalid, TooLarge: each names the cure.
    """
    kind = media_type(content_type)
    if kind in PICTURES:
        return pixels_of(body, PICTURES[kind], geometry, resize=resize)
    if kind == NPY:
        return arrays.from_npy(body, geometry, max_images=max_images)
    if kind == arrays.RAW:
        return arrays.from_raw(body, _dtype_of(content_type), geometry, max_images=max_images)
    if kind == arrays.SAFETENSORS:
        return arrays.from_safetensors(body, geometry, max_images=max_images)
    if kind == FORM:
        return _from_files(files_of(body, content_type, max_images=max_images), geometry, resize=resize)
    if kind == arrays.JSON:
        found = arrays.from_json(body, geometry, max_images=max_images)
        return _from_files(found, geometry, resize=resize) if isinstance(found, list) else found
    taken = ", ".join([*PICTURES, FORM, NPY, arrays.RAW, arrays.SAFETENSORS])
    raise UnsupportedMedia(
        "media_type_unknown", f"Send {taken} or {arrays.JSON} as Content-Type; {kind or 'none'} is not taken."
    )


def reader_of(kind: str, geometry: Geometry, *, max_images: int) -> Callable[[bytes], Images | None]:
    """As `decode` for a media type, where that costs less than handing it to another thread; else it answers None.

    What it raises is what `decode` raises.
    """
    if kind == "image/png" and geometry.height * geometry.width <= _FEW_PIXELS:
        return plain_png_reader(geometry)
    if kind == NPY:
        return partial(arrays.from_npy, geometry=geometry, max_images=max_images)
    return lambda _body: None


def _from_files(files: Sequence[bytes], geometry: Geometry, *, resize: bool) -> Pixels:
    """Picture files as pixels [N, H, W, C]; what each is, its first bytes say."""
    pixels = []
    for number, file in enumerate(files, 1):
        kind = next((kind for start, kind in _STARTS.items() if file.startswith(start)), None)
        if kind is None:
            raise Malformed("image_unreadable", f"File {number} of {len(files)} is no PNG or JPEG; send one of these.")
        pixels.append(pixels_of(file, kind, geometry, resize=resize))
    return np.concatenate(pixels)


def _dtype_of(content_type: str) -> str:
    options = [part.partition("=") for part in content_type.split(";")[1:]]
    return next((value.strip(' "').lower() for name, _, value in options if name.strip().lower() == "dtype"), "uint8")
