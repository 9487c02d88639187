"""Looking for key bytes where they must not be: in every text and byte form somebody could have written them."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

_RUN = 24  # bytes of the key in a row that give it away
_NUMBERS = 3  # printed numbers in a row that do
_MOST_OPENED = 16 * 2**20  # bytes of one compressed stream that are looked at
_LARGE = 8 * 2**20  # in what is larger, every fifth piece is looked for
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|PK\x03\x04")
_TEXT = re.compile(rb"(?:eJ|eN|eA|eF|H4sI|UEsD)[A-Za-z0-9+/_-]{30,}")  # base64 of what those begin with


def needles(kappa: npt.NDArray[np.float32]) -> list[bytes]:
    """Pieces of the key as bytes (raw, other float types, hex, base64 in three phases, escaped) and as numbers."""
    raw = kappa.astype("<f4").tobytes()
    found = [piece for start in range(0, len(raw) - _RUN, _RUN) for piece in _as_bytes(raw[start : start + _RUN])]
    for form in (">f4", "<f8", "<f2"):
        other = kappa.astype(form).tobytes()
        found += [other[start : start + _RUN] for start in range(0, len(other) - _RUN, _RUN)]
    values = kappa.ravel()
    for start in range(0, len(values) - _NUMBERS, _NUMBERS):
        found += _as_numbers(values[start : start + _NUMBERS])
    return found


def _as_bytes(piece: bytes) -> Iterator[bytes]:
    yield from (piece, piece.hex().encode(), piece.hex().upper().encode(), piece.hex(" ").encode())
    yield repr(piece)[2:-1].encode()
    yield from (mark.join(str(byte).encode() for byte in piece[:9]) for mark in (b",", b", ", b" "))
    for phase in range(3):
        yield base64.b64encode(piece[phase : phase + 18])[2:22]
        yield base64.urlsafe_b64encode(piece[phase : phase + 18])[2:22]


def _as_numbers(row: npt.NDArray[np.float32]) -> Iterator[bytes]:
    wide, short = [repr(value) for value in row.tolist()], [str(value) for value in row]
    for mark in (", ", ",", " ", "\n", "\t", ";"):
        yield mark.join(wide).encode()
        yield mark.join(short).encode()
    for form in (".5g", ".4f"):
        yield ", ".join(f"{value:{form}}" for value in row.tolist()).encode()


def leaks(places: Iterable[tuple[str, bytes]], pieces: list[bytes]) -> list[str]:
    """The names of places that hold a piece of the key, plain or in something compressed."""
    return [name for name, content in places if any(_holds(each, pieces) for each in (content, *opened(content)))]


def opened(content: bytes, *, depth: int = 2) -> Iterator[bytes]:
    """Whatever lies compressed in it: zlib, gzip, members of zip files, the same in base64, and these in each other."""
    for stream in _streams(content):
        yield stream
        if depth > 1:
            yield from opened(stream, depth=depth - 1)


def _streams(content: bytes) -> Iterator[bytes]:
    for match in _STREAM.finditer(content):
        start, bits = match.start(), 47  # 47: zlib or gzip, as its head says
        if match.group() == b"PK\x03\x04":
            name, extra = (int.from_bytes(content[start + at : start + at + 2], "little") for at in (26, 28))
            start, bits = start + 30 + name + extra, -15
        if stream := _inflated(content[start:], bits):
            yield stream
    for match in _TEXT.finditer(content):
        text = match.group().replace(b"-", b"+").replace(b"_", b"/")
        try:
            yield from _streams(base64.b64decode(text[: len(text) // 4 * 4]))
        except binascii.Error:
            continue


def _inflated(content: bytes, bits: int) -> bytes:
    """What the stream opens to, up to where it ends or breaks."""
    stream, found = zlib.decompressobj(bits), b""
    try:
        for start in range(0, len(content), 1 << 16):
            found += stream.decompress(content[start : start + (1 << 16)], _MOST_OPENED)
            if stream.eof or len(found) > _MOST_OPENED:
                break
    except zlib.error:
        return found
    return found


def _holds(content: bytes, pieces: list[bytes]) -> bool:
    return any(piece in content for piece in (pieces if len(content) < _LARGE else pieces[::5]))
