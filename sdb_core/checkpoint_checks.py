"""What is checked of a hostile checkpoint file before any of it is loaded.

Attacks: code in a pickle; deflated entries that unpack to gigabytes; a storage record of a few bytes that the pickle
claims is 4 TiB (reading past its end); flipped bytes.
"""

import json
import math
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sdb_core.errors import CheckpointTooLarge, CheckpointUnreadable, CheckpointUnsafe

MOST_ENTRIES = 50_000
MOST_HEADER_BYTES = 64 << 20
_HONEST_FACTOR = 1000  # beyond it a claim is a lie, below it the file was cut short
_SAFE_MODULES = frozenset({"torch", "torch._utils", "torch.storage", "torch.serialization", "collections"})
_STORAGE_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "UntypedStorage": 1,
}  # fmt: skip
_SAFETENSORS_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
# What torch.save writes (pickle protocol 2). Anything else could hide a number from the reading below.
_OPCODES = frozenset(
    {
        *("PROTO", "MARK", "STOP", "GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET"),
        *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "SETITEM", "SETITEMS", "APPEND", "APPENDS"),
        *("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE"),
    }
)
_SAVE_AGAIN = "save it again with torch.save(net.state_dict(), ...) of PyTorch 1.6 or later, or as safetensors"


def check_size(path: Path, *, limit: int) -> None:
    """Raise CheckpointTooLarge where the file has more than `limit` bytes."""
    size = path.stat().st_size
    if size > limit:
        raise CheckpointTooLarge(
            f"The checkpoint has {size:,} bytes, at most {limit:,} are taken; upload a smaller one."
        )


def check_safetensors(path: Path) -> None:
    """Raise CheckpointUnreadable or CheckpointTooLarge unless each tensor's claimed size is in the file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            raise CheckpointUnreadable("The safetensors file ends within its header; upload it again.")
        (length,) = struct.unpack("<Q", start)
        if length > MOST_HEADER_BYTES or length > size - 8:
            raise CheckpointUnreadable("The safetensors header is longer than the file allows; upload it again.")
        header = stream.read(length)
    room = size - 8 - length
    for name, shape, bytes_each, begin, end in _safetensors_entries(header):
        claimed = math.prod(shape) * bytes_each
        if claimed > _HONEST_FACTOR * size:
            raise CheckpointTooLarge(
                f"The tensor {name} claims {claimed:,} bytes of a file of {size:,}; export it again."
            )
        if claimed != end - begin or not 0 <= begin <= end <= room:
            raise CheckpointUnreadable(f"The tensor {name} does not lie inside the safetensors file; upload it again.")


def _safetensors_entries(header: bytes) -> Iterator[tuple[str, list[int], int, int, int]]:
    try:
        entries = json.loads(header)
        for name, entry in entries.items():
            if name == "__metadata__":
                continue
            begin, end = (int(value) for value in entry["data_offsets"])
            shape = [int(side) for side in entry["shape"]]
            if any(side < 0 for side in shape):
                raise ValueError(name)
            yield str(name), shape, _SAFETENSORS_BYTES[entry["dtype"]], begin, end
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointUnreadable("The safetensors header cannot be read; save the checkpoint again.") from error


def check_zip(path: Path) -> None:
    """Raise a CheckpointError unless the file is a torch zip of stored, undamaged entries and a harmless pickle."""
    with path.open("rb") as stream:
        check_zip_stream(stream, size=path.stat().st_size)


def check_zip_stream(stream: BinaryIO, *, size: int) -> None:
    """The same of `size` opened bytes."""
    with opened_zip(stream, cure=_SAVE_AGAIN) as archive:
        sizes = check_entries(archive, size=size, cure=_SAVE_AGAIN)
        pickles = [name for name in sizes if PurePosixPath(name).name == "data.pkl"]
        if len(pickles) != 1:
            raise CheckpointUnreadable(f"The file is no PyTorch state dict; {_SAVE_AGAIN}.")
        _check_pickle(archive.read(pickles[0]), prefix=str(PurePosixPath(pickles[0]).parent), sizes=sizes)


@contextmanager
def opened_zip(stream: BinaryIO, *, cure: str) -> Iterator[zipfile.ZipFile]:
    """The bytes as a zip file. Raises CheckpointUnreadable where they are none, or damaged wherever they are read."""
    if stream.read(4) != b"PK\x03\x04":
        raise CheckpointUnreadable(f"The file is no PyTorch checkpoint; {cure}.")
    try:
        with zipfile.ZipFile(stream) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise CheckpointUnreadable("The checkpoint is truncated or damaged; upload it again.") from error


def check_entries(archive: zipfile.ZipFile, *, size: int, cure: str) -> dict[str, int]:
    """The sizes of the entries of a file of `size` bytes: stored, whole, inside, and no more than the file holds."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise CheckpointTooLarge(f"The checkpoint has {len(entries):,} entries, at most {MOST_ENTRIES:,} are taken.")
    for entry in entries:
        where = PurePosixPath(entry.filename)
        if where.is_absolute() or ".." in where.parts or "\\" in entry.filename:
            raise CheckpointUnsafe(f"The checkpoint holds an entry with an outside path; {cure}.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise CheckpointTooLarge(f"The checkpoint holds compressed entries, which PyTorch never writes; {cure}.")
    if sum(entry.file_size for entry in entries) > size:
        raise CheckpointTooLarge(f"The checkpoint's entries claim more bytes than the file has; {cure}.")
    sizes = {entry.filename: entry.file_size for entry in entries}
    if len(sizes) != len(entries):
        raise CheckpointUnsafe(f"The checkpoint holds two entries of one name; {cure}.")
    damaged = archive.testzip()
    if damaged is not None:
        raise CheckpointUnreadable(f"The entry {damaged} is damaged (its checksum differs); upload it again.")
    return sizes


def _check_pickle(content: bytes, *, prefix: str, sizes: dict[str, int]) -> None:
    """Read the opcodes without running them: known globals only, and each storage as large as its record."""
    memo: dict[Any, Any] = {}
    pushed: list[Any] = []  # what the opcodes put down, newest last; a storage's id is always five in a row
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "GLOBAL":
                _check_global(str(argument))
                pushed.append(str(argument))
            elif opcode.name not in _OPCODES:
                raise CheckpointUnsafe(f"The checkpoint holds Python objects ({opcode.name}); {_SAVE_AGAIN}.")
            elif opcode.name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = pushed[-1] if pushed else None
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                pushed.append(memo.get(argument))
            elif opcode.name == "BINPERSID":
                _check_storage(pushed, prefix=prefix, sizes=sizes)
            elif opcode.name != "TUPLE":
                pushed.append(argument)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise CheckpointUnreadable("The checkpoint's index is damaged; upload it again.") from error


def _check_global(name: str) -> None:
    module, _, attribute = name.partition(" ")
    if module not in _SAFE_MODULES:
        raise CheckpointUnsafe(f"The checkpoint would run {module}.{attribute}; {_SAVE_AGAIN}.")


def _check_storage(pushed: list[Any], *, prefix: str, sizes: dict[str, int]) -> None:
    kind, global_name, key, _location, count = pushed[-5:]
    storage = str(global_name).partition(" ")[2]
    if kind != "storage" or storage not in _STORAGE_BYTES or not isinstance(count, int) or not isinstance(key, str):
        raise CheckpointUnreadable(f"The checkpoint holds a tensor of an unknown kind; {_SAVE_AGAIN}.")
    held = sizes.get(f"{prefix}/data/{key}")
    if held is None or count < 0:
        raise CheckpointUnreadable("The checkpoint lacks a tensor's bytes; upload it again.")
    if count * _STORAGE_BYTES[storage] > held:
        raise CheckpointTooLarge(
            f"A tensor claims {count:,} numbers but the file carries {held:,} bytes; {_SAVE_AGAIN}."
        )
