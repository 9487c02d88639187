"""Arrays on the wire: the npy format, read without pickle."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from sdb_client.errors import AnswerUnreadable


def to_npy(array: npt.NDArray[Any]) -> bytes:
    """The array as npy: uint8 stays uint8, every other kind of number becomes float32."""
    wanted = array if array.dtype == np.uint8 else np.asarray(array, dtype=np.float32)
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(wanted), allow_pickle=False)
    return file.getvalue()


def from_npy(content: bytes) -> npt.NDArray[Any]:
    """The array in an answer. Raises AnswerUnreadable where the bytes are none."""
    try:
        array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise AnswerUnreadable("The answer is no npy array") from error
    return array
