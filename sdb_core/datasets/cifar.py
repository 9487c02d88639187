"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from their usual folders: the python version and the binary one."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sdb_core.datasets.contents import Contents, File
from sdb_core.datasets.images import LabelledImages, Splits
from sdb_core.datasets.pickled_arrays import PickleRefused, read_pickled
from sdb_core.errors import DatasetLabelsInvalid, DatasetUnreadable

MOST_BATCH_BYTES = 512 << 20
MOST_CLASSES = 100
_SIDE, _PIXELS = 32, 3 * 32 * 32
_CURE = "download it again, or give the binary version"


@dataclass(frozen=True)
class _Version:
    """One of the four forms: its files, and where the labels lie in them.

    Binary: a record is `label_bytes` bytes, of which the last is the label, then 3,072 pixels. Python (0): pickled
    dicts, of which `labels` and `class_names` are the entries.
    """

    train: str
    test: str
    names: str
    label_bytes: int = 0
    labels: str = ""
    class_names: str = ""


_VERSIONS = (
    _Version("data_batch_[1-9]", "test_batch", "batches.meta", labels="labels", class_names="label_names"),
    _Version("data_batch_[1-9].bin", "test_batch.bin", "batches.meta.txt", label_bytes=1),
    _Version("train", "test", "meta", labels="fine_labels", class_names="fine_label_names"),
    _Version("train.bin", "test.bin", "fine_label_names.txt", label_bytes=2),
)
_Rows = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pixels [N, 3072], labels [N]


def is_cifar(contents: Contents) -> bool:
    """Whether one of the usual folders lies here: `cifar-10-batches-py`, `cifar-100-binary`, ..., by its files."""
    return _found(contents) is not None


def load_cifar(contents: Contents) -> Splits:
    """Read 32x32 colour images and their (fine) labels; the classes have their own names.

    Raises DatasetUnreadable for damaged files and for pickles that hold more than such a data set, and what Splits
    raises.
    """
    found = _found(contents)
    if found is None:
        raise DatasetUnreadable(
            f"{contents.name} holds no CIFAR; give cifar-10-batches-py, cifar-10-batches-bin, cifar-100-python or "
            "cifar-100-binary as it was downloaded."
        )
    version, train, test, names = found
    read = {file.path: _bytes(contents, file) for file in sorted([*train, test, names], key=lambda file: file.place)}
    class_names = _class_names(version, read[names.path], name=str(names.path))
    return Splits(
        train=_images(version, [file.path for file in train], read, class_names),
        test=_images(version, [test.path], read, class_names),
    )


def _found(contents: Contents) -> tuple[_Version, list[File], File, File] | None:
    folders: dict[PurePosixPath, dict[str, File]] = {}
    for file in contents.files:
        folders.setdefault(file.path.parent, {})[file.path.name] = file
    for version in _VERSIONS:
        for files in folders.values():
            train = [files[name] for name in sorted(files) if fnmatchcase(name, version.train)]
            if train and version.test in files and version.names in files:
                return version, train, files[version.test], files[version.names]
    return None


def _bytes(contents: Contents, file: File) -> bytes:
    if file.size > MOST_BATCH_BYTES:
        raise DatasetUnreadable(f"{file.path} has more than {MOST_BATCH_BYTES >> 20} MiB; that is no CIFAR.")
    return contents.read(file)


def _images(
    version: _Version, paths: list[PurePosixPath], read: dict[PurePosixPath, bytes], class_names: tuple[str, ...]
) -> LabelledImages:
    """One part of the data set; the bytes that it was made of are let go as it grows."""
    rows = [_rows(version, read.pop(path), name=str(path)) for path in paths]
    pixels = np.concatenate([one for one, _ in rows]).reshape(-1, 3, _SIDE, _SIDE)
    labels = np.concatenate([one for _, one in rows])
    return LabelledImages(torch.from_numpy(pixels), torch.from_numpy(labels), class_names)


def _rows(version: _Version, content: bytes, *, name: str) -> _Rows:
    if version.label_bytes:
        record = version.label_bytes + _PIXELS
        if len(content) % record:
            raise DatasetUnreadable(f"{name} is truncated: its size is no multiple of {record} bytes; {_CURE}.")
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
        return rows[:, version.label_bytes :], rows[:, version.label_bytes - 1].astype(np.int64)
    batch = _unpickled(content, name=name)
    pixels, labels = batch.get("data"), batch.get(version.labels)
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list) or pixels.shape != (len(labels), _PIXELS):
        raise DatasetUnreadable(f"{name} lacks images or {version.labels}, or has not one for each; {_CURE}.")
    if not all(type(label) is int and 0 <= label < MOST_CLASSES for label in labels):
        raise DatasetLabelsInvalid(f"{name} has labels that are no class numbers; {_CURE}.")
    return pixels, np.array(labels, dtype=np.int64)


def _class_names(version: _Version, content: bytes, *, name: str) -> tuple[str, ...]:
    if version.label_bytes:
        lines = content.decode("utf-8", errors="replace").splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    names = _unpickled(content, name=name).get(version.class_names)
    if not isinstance(names, list) or not all(isinstance(one, (bytes, str)) for one in names):
        raise DatasetUnreadable(f"{name} lacks {version.class_names}; {_CURE}.")
    return tuple(one if isinstance(one, str) else one.decode("utf-8", errors="replace") for one in names)


def _unpickled(content: bytes, *, name: str) -> dict[str, Any]:
    try:
        return read_pickled(content)
    except PickleRefused as error:
        raise DatasetUnreadable(f"{name} is no pickle of CIFAR: {error}; {_CURE}.") from error
