"""A thousand bodies that are no images for the box: each a 4xx that names the cure, and the neighbours are answered."""

import io
import random
import select
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from safetensors.numpy import save

from tests.api.networks import NPY, as_image, as_npy, normalised, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House
from tests.api.wiring import Wired, read, request, wired

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)
PNG, JPEG = as_image(PIXELS[0], "PNG"), as_image(PIXELS[0], "JPEG")
RAW, TENSORS, JSON = "application/octet-stream", "application/x-safetensors", "application/json"
FORM = "multipart/form-data; boundary=cut"
WHOLE = [("image/png", PNG), ("image/jpeg", JPEG), (NPY, as_npy(PIXELS)), (TENSORS, save({"images": PIXELS}))]
Body = tuple[str, bytes]


def cut(dice: random.Random) -> Body:
    kind, body = dice.choice(WHOLE)
    return kind, body[: dice.randrange(len(body) * 3 // 4)]


def noise(dice: random.Random) -> Body:
    kind = dice.choice(["image/png", "image/jpeg", NPY, TENSORS, JSON, FORM])
    return kind, dice.randbytes(dice.randint(0, 3000))


def another_kind(dice: random.Random) -> Body:
    kind, other = dice.sample(WHOLE, 2)
    return kind[0], other[1]


def unknown_kind(dice: random.Random) -> Body:
    kinds = ["", "image/gif", "text/plain", "image/svg+xml", "application/x-python-pickle", "*/*", "\u00ff/x", "image"]
    return dice.choice(kinds), dice.choice(WHOLE)[1]


def wrong_shape(dice: random.Random) -> Body:
    shape = dice.choice([(2, 7, 8, 3), (2, 8, 8, 1), (8, 8), (2, 3, 8, 8, 1), (2, 3, 8, 8), (0, 8, 8, 3), ()])
    dtype = dice.choice(["u1", "i1", ">u2", "f8", "f2", "?", "c8", "U3"])
    return NPY, as_npy(np.zeros(shape, dtype))


def not_finite(dice: random.Random) -> Body:
    values = FLOATS.copy()
    values.reshape(-1)[dice.randrange(values.size)] = dice.choice([np.nan, np.inf, -np.inf])
    return dice.choice([(NPY, as_npy(values)), (f"{RAW}; dtype=float32", values.tobytes())])


def bomb(dice: random.Random) -> Body:
    """A PNG that promises up to four gigapixels, or a size that is not the box's."""
    width, height = dice.choice([(10_000, 10_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1), (8, 9), (0, 8), (1, 1)])
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, dice.choice([0, 2, 3, 6]), 0, 0, dice.choice([0, 1]))
    return "image/png", PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]


def swollen(dice: random.Random) -> Body:
    """A PNG of the box's size whose data never end, by far more than it has room for, or are no data."""
    data = zlib.compress(bytes(dice.choice([10, 191]))) if dice.random() < 0.5 else dice.randbytes(100)
    chunk = b"IDAT" + data
    return "image/png", PNG[:33] + struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + PNG[
        -12:
    ]


def lying_header(dice: random.Random) -> Body:
    shape = dice.choice([(10**9, 8, 8, 3), (-1, 8, 8, 3), (2**62, 2**62), (3, 8, 8, 4), (1,) * 80])
    header = f"{{'descr': {dice.choice(['|u1', '<f4', '|O', '|V0'])!r}, 'fortran_order': False, 'shape': {shape!r}}}"
    file = io.BytesIO(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    return NPY, file.getvalue() + PIXELS.tobytes()


def broken_json(dice: random.Random) -> Body:
    texts = [
        "{",
        "[]",
        "null",
        '{"images": 3}',
        '{"images": [[1, [2]]]}',
        '{"images": ["x"]}',
        '{"images": [[300]]}',
        "\0",
    ]
    return JSON, dice.choice(texts).encode() * dice.randint(1, 2)


def broken_form(dice: random.Random) -> Body:
    part = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    ends = [b"", b"\r\n--cut--\r\n", b"\r\n--cu", b"\r\n--cut\r\n\r\n"]
    return dice.choice([FORM, "multipart/form-data"]), part + PNG[: dice.randrange(100)] + dice.choice(ends)


SHAPES: list[Callable[[random.Random], Body]] = [cut, noise, another_kind, unknown_kind, wrong_shape, not_finite, bomb]
SHAPES += [swollen, lying_header, broken_json, broken_form]


@pytest.fixture(scope="module")
def wire(house: House) -> Iterator[Wired]:
    with wired(house) as found:
        yield found


def test_a_thousand_malformed_bodies_are_refused_and_the_neighbours_answered(house: House, wire: Wired) -> None:
    box, dice = house.box(house.person("provider"), published=True), random.Random(0)
    good = request(box, PNG, "image/png")
    expected = wire.ask(good)[0].body
    codes: Counter[str] = Counter()
    with wire.connect() as bad, wire.connect() as neighbour:
        for turn in range(1000):
            kind, body = SHAPES[turn % len(SHAPES)](dice)
            bad.sendall(request(box, body, kind.encode().decode("latin-1")))
            neighbour.sendall(good)
            answer = read(bad)
            assert 400 <= answer.status < 500, (SHAPES[turn % len(SHAPES)], kind, body[:200], answer)
            code = answer.json()["code"]
            problem_of(answer, answer.status, code)
            codes[code] += 1
            assert read(neighbour).body == expected

    assert sum(codes.values()) == 1000
    assert len(codes) >= 14, codes


@pytest.mark.parametrize("length", [0, 5, len(PNG) - 1])
def test_a_length_that_is_too_short_ends_the_connection_with_a_problem(house: House, wire: Wired, length: int) -> None:
    box = house.box(house.person("provider"), published=True)
    for _ in range(2):  # before and after its head is known
        with wire.connect() as connection:
            connection.sendall(request(box, PNG, "image/png", length=length))
            problem_of(read(connection), 400, "http_invalid")  # what is left over begins no request
            assert connection.recv(1) == b""


def test_a_length_that_is_too_long_waits_and_harms_nobody(house: House, wire: Wired) -> None:
    box = house.box(house.person("provider"), published=True)
    good = request(box, PNG, "image/png")
    for length in (len(PNG) + 1, 10**6):
        with wire.connect() as liar:
            liar.sendall(request(box, PNG, "image/png", length=length))
            assert [answer.status for answer in wire.ask(good, good)] == [200, 200]


def test_a_length_over_the_limit_is_refused_before_the_body(house: House, wire: Wired) -> None:
    box = house.box(house.person("provider"), published=True)
    with wire.connect() as connection:
        connection.sendall(request(box, bytes(2**20), RAW, length=2**40))
        connection.settimeout(20)
        sent = 0
        while sent < 64 and not _has_answer(connection):
            connection.sendall(bytes(2**20))
            sent += 1
        problem_of(read(connection), 413, "body_too_large")
    assert sent <= 40


def _has_answer(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0.02)[0])
