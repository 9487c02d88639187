"""A data set's images as one array that stays on disk: `.npy` and `.npz` files, mapped and never read whole."""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdb_client.errors import ImagesUnreadable

Array = npt.NDArray[Any]

_MEMBERS = ("images", "x_train")  # of an .npz, as the service takes them for data sets
_HASHED_BYTES = 2**24  # at a time


@contextmanager
def opened(images: Path | str | Array, *, scratch: Path) -> Generator[Array]:
    """The images as an array: uint8 [N, H, W, C], or floating point [N, C, H, W].

    An .npy file is mapped. Of an .npz the array `images`, `x_train` or the only one is unpacked into a file in the
    folder `scratch`, which is gone after the block. An array is passed on as it is.

    Raises:
        ImagesUnreadable: the file holds no such array.
    """
    if isinstance(images, np.ndarray):
        yield _sound(images, "the array")
        return
    file = Path(images)
    if not zipfile.is_zipfile(file):
        yield _sound(_mapped(file, file.name), file.name)
        return
    with tempfile.NamedTemporaryFile(dir=scratch, prefix=f".{file.name}.", suffix=".npy") as unpacked:
        _unpack(file, unpacked)
        yield _sound(_mapped(Path(unpacked.name), file.name), file.name)


def sha256_of_array(array: Array) -> str:
    """SHA-256, as hex, of the numbers with their type and shape; read a few MiB at a time."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    rows = max(1, _HASHED_BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return digest.hexdigest()


def _mapped(file: Path, name: str) -> Array:
    try:
        found: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ImagesUnreadable(f"{name} is no .npy array ({error}); write it with numpy.save.") from error
    return found


def _unpack(file: Path, to: Any) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            wanted = next((name for name in _MEMBERS if name in names), names[0] if len(names) == 1 else None)
            if wanted is None:
                raise ImagesUnreadable(f"{file.name} holds {', '.join(names)}; name the array of images 'images'.")
            with archive.open(f"{wanted}.npy") as packed:
                shutil.copyfileobj(packed, to, 2**20)
        to.flush()
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        raise ImagesUnreadable(f"{file.name} is no .npz file ({error}); write it with numpy.savez.") from error


def _sound(array: Array, name: str) -> Array:
    if not isinstance(array, np.ndarray) or array.ndim == 0 or len(array) == 0:
        raise ImagesUnreadable(f"There is no image in {name}; write an array (N, H, W, C) with numpy.save.")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ImagesUnreadable(
            f"The numbers of {name} are {array.dtype}; make them uint8 pixels (N, H, W, C), or normalised float32 "
            "(N, C, H, W)."
        )
    return array
