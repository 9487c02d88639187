"""What the neighbours notice while one connection sends a thousand bodies that are no images, as fast as it can.

The server's limit of failures by address is lifted, so that each body is really looked at.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np

from bench.load import Request, Several, ask_beside
from bench.pictures import as_npy, as_png, pictures
from bench.rows import Row, asked_row, latency_row, median_row, require_good
from bench.servers.process import Served
from bench.servers.sdb import prepare
from bench.serving_scale.boxes import with_digest
from bench.serving_scale.plan import CONNECTIONS, SERVER, Room

NEIGHBOURS = (8, CONNECTIONS)
_NPY = "application/x-npy"
_UNLIMITED = "1000000000"
_PIXELS = pictures(4, seed=1)
_PNG = as_png(_PIXELS[0])
Body = tuple[str, bytes]


def measured(room: Room) -> Row:
    """Latency of 8 and 64 neighbours alone and beside the malformed bodies; the ratio of the medians of p99."""
    prepared = prepare(room.folder, [with_digest(room.small)])
    address = f"/v1/boxes/{prepared.box_ids[0]}/predict"
    good = Request(address, [as_png(one) for one in pictures(64)], "image/png")
    bad = malformed(address, room.plan.malformed, seed=room.plan.seed)
    served = prepared.start(cores=[SERVER], SDB_REQUESTS_PER_MINUTE=_UNLIMITED)
    try:
        asked_row(served, good, seconds=room.plan.seconds, connections=CONNECTIONS)
        rows = [
            {"round": turn, "neighbours": count, **row}
            for turn in range(1, room.plan.malformed_rounds + 1)
            for count in NEIGHBOURS
            for row in _pair(served, good, bad, count)
        ]
    finally:
        served.stop()
    found: Row = {"rows": rows, "bodies": room.plan.malformed}
    for count in NEIGHBOURS:
        alone, beside = (
            median_row([row for row in rows if (row["neighbours"], row["beside"]) == (count, case)], speed="p99_ms")
            for case in ("nobody", "malformed")
        )
        ratio = round(beside["p99_ms"] / alone["p99_ms"], 3)
        found[f"c{count}"] = {"alone": alone, "beside": beside, "p99_ratio": ratio}
    return found


def malformed(address: str, count: int, *, seed: int) -> Several:
    """So many bodies of all kinds in turn."""
    dice = random.Random(seed)
    bodies = [_KINDS[turn % len(_KINDS)](dice) for turn in range(count)]
    return Several([Request(address, [body], content_type) for content_type, body in bodies])


def _pair(served: Served, good: Request, bad: Several, neighbours: int) -> list[Row]:
    """Beside the malformed bodies, and alone for as long."""
    beside, seconds = _beside(served, good, bad, neighbours)
    alone = asked_row(served, good, seconds=seconds, connections=neighbours)
    return [beside, {"beside": "nobody", **{name: alone[name] for name in ("p50_ms", "p99_ms", "requests")}}]


def _beside(served: Served, good: Request, bad: Several, neighbours: int) -> tuple[Row, float]:
    found, refused = ask_beside(good, bad, port=served.port, connections=neighbours)
    require_good(found, "the neighbours")
    if sum(refused.statuses.values()) < len(bad.requests) or not all(400 <= one < 500 for one in refused.statuses):
        raise RuntimeError(f"malformed bodies: answers {refused.statuses}: {refused.example[:600]!r}")
    sent = round(len(bad.requests) / refused.seconds)
    row = {"beside": "malformed", **latency_row(found.latencies), "requests": len(found.latencies)}
    return {**row, "malformed_per_second": sent}, found.seconds


def _cut(dice: random.Random) -> Body:
    return "image/png", _PNG[: dice.randrange(len(_PNG) * 3 // 4)]


def _noise(dice: random.Random) -> Body:
    return dice.choice(["image/png", "image/jpeg", _NPY, "application/json"]), dice.randbytes(dice.randint(1, 3000))


def _unknown_kind(dice: random.Random) -> Body:
    return dice.choice(["image/gif", "text/plain", "*/*"]), _PNG


def _another_size(dice: random.Random) -> Body:
    return "image/png", as_png(pictures(1, seed=dice.randrange(100), side=dice.choice([16, 64, 300]))[0])


def _wrong_shape(dice: random.Random) -> Body:
    file = io.BytesIO()
    shape = dice.choice([(2, 31, 32, 3), (2, 32, 32, 1), (32, 32), (0, 32, 32, 3), (200, 32, 32, 4)])
    np.save(file, np.zeros(shape, dice.choice(["u1", "f8", "c8"])))
    return _NPY, file.getvalue()


def _not_finite(dice: random.Random) -> Body:
    values = _PIXELS.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    values.reshape(-1)[dice.randrange(values.size)] = dice.choice([np.nan, np.inf])
    return _NPY, as_npy(values)


def _bomb(dice: random.Random) -> Body:
    """A PNG that promises up to four gigapixels."""
    side = dice.choice([10_000, 65_535, 2**31 - 1])
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, dice.choice([2, 3, 6]), 0, 0, 0)
    return "image/png", _PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + _PNG[33:]


def _starved(dice: random.Random) -> Body:
    """A PNG of the right size with fewer data than its size takes."""
    data = b"IDAT" + zlib.compress(bytes(dice.randrange(3000)))
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return "image/png", _PNG[:33] + chunk + _PNG[-12:]


def _lying_header(dice: random.Random) -> Body:
    shape = dice.choice([(10**9, 32, 32, 3), (-1, 32, 32, 3), (2**62, 2**62)])
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}}}".encode()
    return _NPY, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + _PIXELS.tobytes()


def _broken_json(dice: random.Random) -> Body:
    return "application/json", dice.choice(
        [b"{", b"null", b'{"images": 3}', b'{"images": [[' + b"1," * 2000 + b"[]]]}"]
    )


def _broken_form(dice: random.Random) -> Body:
    part = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + _PNG[: dice.randrange(99)]
    return "multipart/form-data; boundary=cut", part + dice.choice([b"", b"\r\n--cut--\r\n"])


_KINDS: tuple[Callable[[random.Random], Body], ...] = (
    *(_cut, _noise, _unknown_kind, _another_size, _wrong_shape, _not_finite),
    *(_bomb, _starved, _lying_header, _broken_json, _broken_form),
)
