"""One PNG or JPEG as pixels. Size comes before memory: a header that promises too much is refused unread."""

import io
import warnings
import zlib

import numpy as np
from PIL import Image

from api.bodies.geometry import Geometry, Pixels
from sdb_service.errors import Invalid, Malformed, TooLarge

try:
    from pyspng import load as read_png
except ImportError:  # no wheel for this machine: Pillow reads them all, three times slower
    read_png = None

PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG"}

_MOST_PIXELS = 16_777_216
_AFTER_HEADER = 33  # where the chunks of a PNG begin that say what the picture is


def pixels_of(body: bytes, kind: str, geometry: Geometry, *, resize: bool) -> Pixels:
    """A picture of a kind in `PICTURES` as pixels [1, H, W, C].

    Raises:
        Malformed, Invalid, TooLarge: each names the cure.
    """
    if geometry.channels not in (1, 3):
        raise Invalid(
            "image_channels",
            f"The box takes {geometry.channels} channels, which images cannot carry; send application/x-npy.",
        )
    found = quick_pixels_of(body, geometry) if kind == "PNG" else None
    return found if found is not None else _any_picture(body, kind, geometry, resize=resize)


def quick_pixels_of(body: bytes, geometry: Geometry) -> Pixels | None:
    """A plain PNG of the box's own size as pixels [1, H, W, C], by the fast reader; None for whatever is not that.

    Whatever this reader stumbles over is None too: Pillow reads it again and says what is wrong.
    """
    if not body.startswith(geometry.png_starts) or read_png is None or not _is_whole(body):
        return None
    try:
        pixels: Pixels = read_png(body, "L" if geometry.channels == 1 else "RGB")
    except Exception:  # noqa: BLE001 - it raises bare errors
        return None
    return pixels.reshape(1, geometry.height, geometry.width, geometry.channels)


def _is_whole(body: bytes) -> bool:
    """Whether the checksums of a PNG's chunks after its header are right: the fast reader does not look at them."""
    view, start = memoryview(body), _AFTER_HEADER
    while start + 12 <= len(body):
        end = start + 8 + int.from_bytes(view[start : start + 4])
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4]):
            return False
        if body[start + 4 : start + 8] == b"IEND":
            return True
        start = end + 4
    return False


def _any_picture(body: bytes, kind: str, geometry: Geometry, *, resize: bool) -> Pixels:
    height, width = geometry.height, geometry.width
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(body), formats=[kind])
            if image.width * image.height > _MOST_PIXELS:
                raise _too_many_pixels()
            if (image.height, image.width) != (height, width) and not resize:
                raise Invalid(
                    "image_size",
                    f"The image is {image.width}x{image.height} and the box takes {width}x{height}; "
                    "resize it, or add ?resize=true to let the server do it.",
                )
            image = image.convert("L" if geometry.channels == 1 else "RGB")
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except (OSError, ValueError, SyntaxError) as error:
        raise Malformed("image_unreadable", f"The body is no whole {kind} image; check that the file opens.") from error
    return np.asarray(image, dtype=np.uint8).reshape(1, height, width, geometry.channels)


def _too_many_pixels() -> TooLarge:
    return TooLarge("image_too_large", f"The image has over {_MOST_PIXELS} pixels; send it smaller.")
