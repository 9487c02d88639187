"""Pictures as pixels and pixels as numbers: the fast reader and Pillow agree, and so does float64."""

import io
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from api.bodies.geometry import Geometry, Pixels
from api.bodies.pictures import pixels_of, plain_png_reader
from sdb_service.errors import Malformed
from tests.api.networks import as_image

GREY, COLOUR = 0, 2  # PNG's numbers for them
SIDES = [(1, 1), (1, 9), (7, 5), (32, 31)]


def geometry(channels: int, height: int, width: int) -> Geometry:
    mean, std = [0.4914, 0.4822, 0.4465][:channels], [0.2471, 0.2435, 0.2616][:channels]
    return Geometry.of({"channels": channels, "height": height, "width": width, "mean": mean, "std": std})


def random_picture(height: int, width: int, channels: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Steps and noise [H, W, C], with what a tRNS chunk calls transparent in one corner."""
    made = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    made[: height // 2] //= 32
    made[0, 0] = 7
    return made


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(height: int, width: int, kind: int, data: bytes, *extras: bytes, depth: int = 8, laced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, laced)
    body = b"".join([chunk(b"IHDR", header), *extras, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body


def filtered(picture: npt.NDArray[np.uint8], filters: Sequence[int]) -> bytes:
    """Rows of a picture [H, W, C], each with the next of these filters in turn (PNG, chapter 9)."""
    height, width, step = picture.shape
    above, lines = [0] * (width * step), b""
    for y, row in enumerate(picture.reshape(height, -1).tolist()):
        kind = filters[y % len(filters)]
        lefts, corners = [0] * step + row[:-step], [0] * step + above[:-step]
        guesses = [_guess(kind, *near) for near in zip(lefts, above, corners, strict=True)]
        lines += bytes([kind, *((x - guess) % 256 for x, guess in zip(row, guesses, strict=True))])
        above = row
    return lines


def _guess(kind: int, left: int, above: int, corner: int) -> int:
    near = left + above - corner
    paeth = min((left, above, corner), key=lambda value: abs(near - value))  # of equals the first
    return (0, left, above, (left + above) // 2, paeth)[kind]


def by_pillow(body: bytes, channels: int) -> Pixels:
    image = Image.open(io.BytesIO(body)).convert("L" if channels == 1 else "RGB")
    return np.asarray(image).reshape(1, image.height, image.width, channels)


def assert_quick(body: bytes, box: Geometry, expected: npt.NDArray[np.uint8]) -> None:
    """The fast reader, Pillow, and what is answered are the same."""
    found = plain_png_reader(box)(body)
    assert found is not None
    for pixels in (found, pixels_of(body, "PNG", box, resize=False), by_pillow(body, box.channels)):
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, expected)


BOXES = pytest.mark.parametrize(("kind", "channels"), [(GREY, 1), (COLOUR, 3)])


@BOXES
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("options", [{"compress_level": 0}, {"compress_level": 9}, {"optimize": True}], ids=str)
def test_a_plain_png_is_read_fast_and_as_pillow_reads_it(
    kind: int, channels: int, height: int, width: int, options: dict[str, Any]
) -> None:
    picture = random_picture(height, width, 1 if kind == GREY else 3)
    body = as_image(picture[..., 0] if kind == GREY else picture, "PNG", **options)

    assert_quick(body, geometry(channels, height, width), _spread(picture, channels))


@BOXES
@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0], [1, 4, 2]], ids=str)
@pytest.mark.parametrize(("height", "width"), SIDES)
def test_every_filter_of_png_is_undone(kind: int, channels: int, height: int, width: int, filters: list[int]) -> None:
    picture = random_picture(height, width, 1 if kind == GREY else 3)
    body = png_of(height, width, kind, filtered(picture, filters))

    assert_quick(body, geometry(channels, height, width), _spread(picture, channels))


@BOXES
@pytest.mark.parametrize("name", ["tEXt", "gAMA", "tRNS"])
def test_chunks_beside_the_pixels_do_not_change_them(kind: int, channels: int, name: str) -> None:
    see_through = struct.pack(">H", 7) * (1 if kind == GREY else 3)
    extras = {"tEXt": b"Comment\0made by hand", "gAMA": struct.pack(">I", 22_000), "tRNS": see_through}
    picture = random_picture(8, 6, 1 if kind == GREY else 3)
    body = png_of(8, 6, kind, filtered(picture, [0, 4]), chunk(name.encode(), extras[name]))

    assert_quick(body, geometry(channels, 8, 6), _spread(picture, channels))


def _spread(picture: npt.NDArray[np.uint8], channels: int) -> Pixels:
    """Grey in all channels of the box."""
    return np.broadcast_to(picture, (1, *picture.shape[:2], channels))


def _in_mode(mode: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(random_picture(8, 6, 3)).convert(mode).save(file, "PNG")
    return file.getvalue()


def _laced() -> bytes:
    """Adam7: seven pictures, each of every so many columns and rows of the whole."""
    picture, data = random_picture(8, 6, 3), b""
    for x, y, right, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)):
        data += filtered(picture[y::down, x::right], [4, 1])
    data += filtered(picture[1::2], [4, 1])
    return png_of(8, 6, COLOUR, data, laced=1)


def _deep(kind: int) -> bytes:
    data = random_picture(8, 6, 2 if kind == GREY else 6)
    return png_of(8, 6, kind, filtered(data, [0]), depth=16)


OTHERS: dict[str, tuple[bytes, int]] = {
    "palette": (_in_mode("P"), 3),
    "palette for a grey box": (_in_mode("P"), 1),
    "one bit": (_in_mode("1"), 1),
    "alpha": (_in_mode("RGBA"), 3),
    "grey with alpha": (_in_mode("LA"), 1),
    "colour for a grey box": (_in_mode("RGB"), 1),
    "grey for a box of colours": (_in_mode("L"), 3),
    "16 bits of colour": (_deep(COLOUR), 3),
    "16 bits of grey": (_deep(GREY), 1),
    "interlaced": (_laced(), 3),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_what_is_no_plain_png_of_the_boxs_kind_is_left_to_pillow(name: str) -> None:
    body, channels = OTHERS[name]
    box = geometry(channels, 8, 6)

    assert plain_png_reader(box)(body) is None
    np.testing.assert_array_equal(pixels_of(body, "PNG", box, resize=False), by_pillow(body, channels))


def test_an_interlaced_picture_is_put_together() -> None:
    found = pixels_of(_laced(), "PNG", geometry(3, 8, 6), resize=False)
    np.testing.assert_array_equal(found[0], random_picture(8, 6, 3))


def test_a_colour_profile_is_not_inflated_by_the_fast_reader() -> None:
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1_000_000), 9))
    picture = random_picture(8, 6, 3)

    body = png_of(8, 6, COLOUR, filtered(picture, [0]), profile)

    assert plain_png_reader(geometry(3, 8, 6))(body) is None
    np.testing.assert_array_equal(pixels_of(body, "PNG", geometry(3, 8, 6), resize=False)[0], picture)


def test_a_plain_picture_with_much_beside_it_is_left_to_pillow() -> None:
    picture = random_picture(8, 6, 3)

    body = png_of(8, 6, COLOUR, filtered(picture, [0]), *[chunk(b"tEXt", b"a\0b")] * 1000)

    assert plain_png_reader(geometry(3, 8, 6))(body) is None
    np.testing.assert_array_equal(pixels_of(body, "PNG", geometry(3, 8, 6), resize=False)[0], picture)


def test_a_picture_damaged_on_its_way_is_refused() -> None:
    body = bytearray(as_image(random_picture(32, 32, 3), "PNG", compress_level=0))
    body[len(body) // 2] ^= 1  # one bit of one pixel; the checksums of its chunk and its stream tell

    assert plain_png_reader(geometry(3, 32, 32))(bytes(body)) is None
    with pytest.raises(Malformed):
        pixels_of(bytes(body), "PNG", geometry(3, 32, 32), resize=False)


def test_no_damage_makes_the_fast_reader_answer_otherwise_than_pillow_or_fall() -> None:
    dice = random.Random(0)
    whole = as_image(random_picture(32, 32, 3), "PNG")
    refused = 0
    for _ in range(2000):
        body = bytearray(whole)
        for _ in range(dice.choice((1, 8))):
            body[dice.randrange(33, len(body))] ^= 1 << dice.randrange(8)
        cut = bytes(body[: dice.randrange(33, len(body))] if dice.random() < 0.2 else body)
        found = plain_png_reader(geometry(3, 32, 32))(cut)
        refused += found is None
        if found is not None:  # the damage was beside the pixels
            np.testing.assert_array_equal(found, by_pillow(cut, 3))
    assert refused > 1900


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("is_given", [False, True])
def test_pixels_are_normalised_as_in_float64(channels: int, is_given: bool) -> None:
    box = geometry(channels, 16, 17)
    pixels = np.random.default_rng(1).integers(0, 256, (4, 16, 17, channels), dtype=np.uint8)
    pixels.reshape(-1)[:256] = np.arange(256)
    slow = np.empty((4, channels, 16, 17))
    for n, y, x, c in np.ndindex(pixels.shape):
        slow[n, c, y, x] = (pixels[n, y, x, c] / 255 - float(box.mean[c, 0, 0])) / float(box.std[c, 0, 0])
    out = np.full(slow.shape, np.nan, np.float32) if is_given else None

    found = box.affine(pixels, out=out)

    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(
        found, slow, rtol=0, atol=6e-7
    )  # a step of float32 at 4.2, where x * scale ends, is 5e-7
    assert out is None or out.tobytes() == found.tobytes()


def test_what_is_normalised_already_stays_as_it_is() -> None:
    batch = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype(np.float32)
    assert geometry(3, 4, 5).normalised(batch).tobytes() == batch.tobytes()
