"""One PNG or JPEG as pixels. Size comes before memory: a header that promises too much is refused unread."""

import io
import math
import warnings
from collections.abc import Callable

import numpy as np
from kornia_rs.io import decode_image_png_u8 as read_png
from PIL import Image

from api.bodies.geometry import Geometry, Pixels
from sdb_service.errors import Invalid, Malformed, TooLarge

PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG"}

_MOST_PIXELS = 16_777_216
_AFTER_LENGTH = 37  # where a PNG names the first chunk after its header: mostly the pixels
_PIXELS = b"IDAT"
_PROFILE = b"iCCP"  # of colours; the fast reader would inflate it to any size, where it comes before the pixels
_PLAIN_BYTES = 4096  # of a plain PNG beside its pixels, compressed as badly as can be


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
    found = plain_png_reader(geometry)(body) if kind == "PNG" else None
    return found if found is not None else _any_picture(body, kind, geometry, resize=resize)


def plain_png_reader(geometry: Geometry) -> Callable[[bytes], Pixels | None]:
    """What reads a plain PNG of the box's own size as pixels [1, H, W, C], fast; whatever is not that it answers None.

    Whatever it stumbles over is None too: Pillow reads it again and says what is wrong.
    """
    start, size = geometry.png_start, (geometry.height, geometry.width)
    most = math.prod(size) * geometry.channels + _PLAIN_BYTES
    mode = "mono" if geometry.channels == 1 else "rgb"

    def read(body: bytes) -> Pixels | None:
        if not body.startswith(start) or len(body) > most:
            return None
        if not body.startswith(_PIXELS, _AFTER_LENGTH) and _PROFILE in body:
            return None
        try:
            pixels: Pixels = read_png(body, size, mode)
        except Exception:  # noqa: BLE001 - it raises bare errors
            return None
        return pixels[np.newaxis]

    return read


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
