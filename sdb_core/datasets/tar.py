"""A tar's members, read strictly: plain files and folders, every header's checksum right, to the end mark.

The standard library's reader loads extended headers of any size, has looped for ever on crafted ones, and takes a
damaged header for the end: half a data set would pass for the whole.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = 512
MOST_HEADER_BYTES = 1 << 20
MOST_HEADERS = 8
_FILES, _FOLDER = (b"0", b"\0", b"7"), b"5"
_EXTENDED, _GLOBAL, _LONG_NAME = b"x", b"g", b"L"


class TarDamaged(Exception):
    """The tar is truncated, damaged, or holds more than plain files and folders; the message says which."""


@dataclass(frozen=True)
class Member:
    """A plain file: its name, its size in bytes, and where its bytes begin in the (unpacked) tar."""

    name: str
    size: int
    place: int


def tar_members(stream: io.BufferedIOBase) -> Iterator[Member]:
    """Each plain file, from the stream's beginning. Its bytes are passed over only after it was yielded: whoever
    consumes this can stop before a file that claims too much. Raises TarDamaged.
    """
    place, told, headers = 0, dict[str, str](), 0
    while header := _header(stream):
        place, kind, size = place + BLOCK, header[156:157], _number(header[124:136])
        if kind in (_EXTENDED, _GLOBAL, _LONG_NAME):
            headers += 1
            content = _content(stream, size, headers=headers)
            told |= {} if kind == _GLOBAL else _told(content, kind=kind)
        elif kind in _FILES or kind == _FOLDER:
            name, size = told.get("path", _name(header)), _decimal(told.get("size", str(size)))
            if kind != _FOLDER and not name.endswith("/"):  # the oldest tars mark folders so
                yield Member(name, size, place)
            told, headers = {}, 0
        else:
            raise TarDamaged(f"{_name(header)!r} is a link or a device; pack plain files")
        place += -(-size // BLOCK) * BLOCK
        _go_to(stream, place)


def _header(stream: io.BufferedIOBase) -> bytes | None:
    """The next header; None at the end mark, a block of zeros."""
    block = stream.read(BLOCK)
    if len(block) < BLOCK:
        raise TarDamaged("it ends too early; pack or upload it again")
    if not block.strip(b"\0"):
        return None
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise TarDamaged("a header is damaged; pack or upload it again")
    return block


def _go_to(stream: io.BufferedIOBase, place: int) -> None:
    """Move forward; a seek alone would not notice that nothing is there."""
    if place > stream.tell():
        stream.seek(place - 1)
        if not stream.read(1):
            raise TarDamaged("it ends too early; pack or upload it again")


def _content(stream: io.BufferedIOBase, size: int, *, headers: int) -> bytes:
    """The bytes of an extended header."""
    if size > MOST_HEADER_BYTES or headers > MOST_HEADERS:
        raise TarDamaged("its extended headers are too large; pack it with plain names")
    content = stream.read(size)
    if len(content) < size:
        raise TarDamaged("it ends too early; pack or upload it again")
    return content


def _told(content: bytes, *, kind: bytes) -> dict[str, str]:
    """What an extended header says of the next member: its path, its size."""
    if kind == _LONG_NAME:
        return {"path": _text(content)}
    found, rest = {}, content
    while rest.strip(b"\0"):
        length, _, _ = rest.partition(b" ")
        end = _decimal(_text(length[:8]))
        record = rest[len(length) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end > len(rest) or not equals or not value.endswith(b"\n") or key.startswith(b"GNU.sparse"):
            raise TarDamaged("an extended header is damaged or of a sparse file; pack plain files")
        if key in (b"path", b"size"):
            found[_text(key)] = _text(value[:-1])
        rest = rest[end:]
    return found


def _name(header: bytes) -> str:
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", errors="replace")


def _number(field: bytes) -> int:
    """A header's number: octal digits, or, where those do not suffice, big-endian after a byte of 128."""
    if field[0] == 128:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise TarDamaged("a header is damaged; pack or upload it again")
    return int(digits or b"0", 8)


def _decimal(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise TarDamaged("an extended header is damaged; pack or upload it again")
    return int(text)
