"""Arrays in the format of numpy.save, read without trust and written without a file."""

import io
import math
import tokenize
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sdb_service.errors import Malformed

NPY = "application/x-npy"

_LONGEST_HEADER = 1024
_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\x01\x00": 2, b"\x02\x00": 4}  # of the header, by version
_ERRORS = (ValueError, KeyError, TypeError, EOFError, tokenize.TokenError, RecursionError, MemoryError)


def read_npy(body: bytes) -> npt.NDArray[Any]:
    """An npy array, its header checked against the bytes that really came before any memory is given.

    The array looks into `body` and cannot be written to.
    """
    start = _start_of_data(body)
    shape, fortran, dtype = _header(body[:start])
    if dtype.hasobject or dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != len(body) - start:
        raise _misfit()
    try:
        return np.frombuffer(body, dtype=dtype, offset=start).reshape(shape, order="F" if fortran else "C")
    except (ValueError, TypeError) as error:  # negative, or more dimensions than there can be
        raise _misfit() from error


def write_npy(array: npt.NDArray[Any]) -> bytes:
    """What numpy.save writes of an array that lies in C order."""
    return _header_of(array.dtype.str, array.shape) + array.tobytes()


def _start_of_data(body: bytes) -> int:
    width = _LENGTH_BYTES.get(body[6:8]) if body.startswith(_MAGIC) else None
    if width is None or len(body) < 8 + width:
        raise _unreadable()
    start = 8 + width + int.from_bytes(body[8 : 8 + width], "little")
    if start - 8 - width > _LONGEST_HEADER or start > len(body):
        raise _unreadable()
    return start


@lru_cache(256)  # numpy reads a header as Python source, which costs more than a small image's prediction
def _header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    file = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file, max_header_size=_LONGEST_HEADER)
    except _ERRORS as error:  # all that a parser can stumble over
        raise _unreadable() from error
    return shape, fortran, dtype


@lru_cache(256)
def _header_of(dtype: str, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def _unreadable() -> Malformed:
    return Malformed("npy_unreadable", "The body is no npy array; write it with numpy.save.")


def _misfit() -> Malformed:
    return Malformed("npy_unreadable", "The npy header and its data do not fit; write it again with numpy.save.")
