"""Bodies that are no pictures, or not only: each is refused by its own code, and none breaks the service."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.bodies.decoding import decode
from api.bodies.geometry import Geometry
from sdb_service.errors import ServiceError
from tests.api.asking import ask
from tests.api.conftest import house_on
from tests.api.networks import INPUT, NPY, Network, as_image, as_npy, normalised, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House
from tests.api.sending import Sender
from tests.servers.profiles import Profile

PICTURE = random_pixels()[0]
PNG = as_image(PICTURE, "PNG")
GEOMETRY = Geometry.of(INPUT)


def bomb(side: int) -> bytes:
    """A PNG whose header promises side x side pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return PNG[:8] + chunks + PNG[33:]


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An npy file with this header, true or not."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode("latin1") + data


def told(descr: Any, shape: Any, data: bytes = b"") -> bytes:
    return npy(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}}}", data)


NAN, HUGE = normalised(PICTURE[None]), np.full((1, 3, 8, 8), 3e38, np.float32)
NAN[0, 0, 0, 0] = np.nan
HOSTILE: dict[str, tuple[str | None, bytes, int, str]] = {
    "no content type": (None, PNG, 415, "media_type_unknown"),
    "gif": ("image/gif", as_image(PICTURE, "GIF"), 415, "media_type_unknown"),
    "gif called png": ("image/png", as_image(PICTURE, "GIF"), 400, "image_unreadable"),
    "jpeg called png": ("image/png", as_image(PICTURE, "JPEG"), 400, "image_unreadable"),
    "png called npy": (NPY, PNG, 400, "npy_unreadable"),
    "empty png": ("image/png", b"", 400, "image_unreadable"),
    "truncated png": ("image/png", PNG[:-40], 400, "image_unreadable"),
    "truncated jpeg": ("image/jpeg", as_image(PICTURE, "JPEG")[:100], 400, "image_unreadable"),
    "100 megapixels": ("image/png", bomb(10_000), 413, "image_too_large"),
    "4 gigapixels": ("image/png", bomb(65_535), 413, "image_too_large"),
    "other size": ("image/png", as_image(random_pixels()[0, :7], "PNG"), 422, "image_size"),
    "empty": (NPY, b"", 400, "npy_unreadable"),
    "magic alone": (NPY, b"\x93NUMPY\x01\x00", 400, "npy_unreadable"),
    "pickled objects": (NPY, as_npy(np.array([{"a": 1}], dtype=object)), 400, "npy_unreadable"),
    "more promised than sent": (NPY, told("|u1", (10**9, 8, 8, 3), bytes(192)), 400, "npy_unreadable"),
    "less promised than sent": (NPY, told("|u1", (1, 8, 8, 3), bytes(193)), 400, "npy_unreadable"),
    "negative sizes": (NPY, told("|u1", (-1, -8, 8, 3), bytes(192)), 400, "npy_unreadable"),
    "sizes that are truths": (NPY, told("|u1", (True, 8, 8, 3), bytes(192)), 400, "npy_unreadable"),
    "seventy dimensions": (NPY, told("|u1", (1,) * 70, bytes(1)), 400, "npy_unreadable"),
    "nothing times too much": (NPY, told("|u1", (0, 2**62, 2**62)), 400, "npy_unreadable"),
    "an array in an array": (NPY, told(("|u1", (192,)), (1,), bytes(192)), 400, "npy_unreadable"),
    "nested header": (NPY, npy("-" * 9000 + "1"), 400, "npy_unreadable"),
    "unclosed header": (NPY, npy("(" * 900), 400, "npy_unreadable"),
    "header that calls": (NPY, npy("__import__('os').getcwd()"), 400, "npy_unreadable"),
    "field with half a letter": (NPY, told([("\ud800", "|u1")], (1,), b"1"), 422, "array_shape"),
    "version 9": (NPY, npy("{}", version=b"\x09\x00"), 400, "npy_unreadable"),
    "doubles": (NPY, as_npy(normalised(PICTURE[None]).astype(np.float64)), 422, "array_shape"),
    "floats like pixels": (NPY, as_npy(PICTURE[None].astype(np.float32)), 422, "array_shape"),
    "pixels like floats": (NPY, as_npy(PICTURE[None].transpose(0, 3, 1, 2).copy()), 422, "array_shape"),
    "big-endian": (NPY, as_npy(normalised(PICTURE[None]).astype(">f4")), 422, "array_shape"),
    "one number": (NPY, as_npy(np.float32(1)), 422, "array_shape"),
    "five dimensions": (NPY, as_npy(PICTURE[None, None]), 422, "array_shape"),
    "no images": (NPY, as_npy(random_pixels(0)), 413, "batch_too_large"),
    "nan": (NPY, as_npy(NAN), 422, "values_not_finite"),
    "values beyond all answers": (NPY, as_npy(HUGE), 422, "answer_not_finite"),
}


@pytest.fixture(scope="module")
def box(house: House) -> str:
    return house.box(house.person("provider"), published=True)


@pytest.mark.parametrize("name", list(HOSTILE))
@pytest.mark.filterwarnings("default")  # libraries may warn of hostile bytes; the answer counts
def test_what_is_no_picture_is_refused_by_its_own_code(house: House, box: str, name: str) -> None:
    kind, body, status, code = HOSTILE[name]

    problem_of(ask(house, box, body, kind), status, code)

    assert ask(house, box, PNG, "image/png").status_code == 200


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "P"), ("PNG", "L"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK")],
)
def test_broken_pictures_are_read_or_refused_and_nothing_else(kind: str, mode: str) -> None:
    whole = _in_mode(mode, kind)
    dice, refused = random.Random(0), 0
    for turn in range(400):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randint(0, 8)] = dice.randbytes(dice.randint(0, 8))
        try:
            batch = decode(bytes(broken), f"image/{kind.lower()}", GEOMETRY, max_images=1, resize=bool(turn % 2))
        except ServiceError:
            refused += 1
        else:
            assert batch.shape == (1, 8, 8, 3)
    assert refused > 100


def _in_mode(mode: str, kind: str) -> bytes:
    file = BytesIO()
    Image.fromarray(PICTURE).convert(mode).save(file, kind)
    return file.getvalue()


def test_a_batch_has_its_limit(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, max_predict_images=3) as house:
        box = house.box(house.person("provider"), published=True)

        assert ask(house, box, as_npy(random_pixels(3))).status_code == 200
        problem_of(ask(house, box, as_npy(random_pixels(4))), 413, "batch_too_large")


def test_a_body_over_the_limit_is_refused_while_it_comes(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, max_predict_bytes=10_000) as house:
        box = house.box(house.person("provider"), published=True)
        problem_of(ask(house, box, bytes(10_001)), 413, "body_too_large")
        request = Sender(house, "POST", f"/v1/boxes/{box}/predict", {"Content-Type": NPY})

        assert request.send(bytes(1000) for _ in range(1000)) == 413
        assert request.bytes_read == 11_000


def test_a_body_for_a_box_one_may_not_use_is_not_read(house: House) -> None:
    hidden = house.box(house.person("provider"))
    request = Sender(house, "POST", f"/v1/boxes/{hidden}/predict", {"Content-Type": NPY})

    assert request.send([bytes(1000)]) == 404
    assert request.bytes_read == 0
