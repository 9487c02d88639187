"""Data sets as `.npz`: `x_train, y_train, x_test, y_test`, or `images, labels`."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sdb_core.datasets.images import LabelledImages, Splits, numbered_classes, without_test_part
from sdb_core.errors import DatasetLabelsInvalid, DatasetShapeMixed, DatasetUnreadable

MOST_BYTES = 4 << 30
_LAYOUT = "save uint8 images (N, H, W, C) or (N, H, W) as x_train, y_train, x_test, y_test, or as images, labels"


def load_npz(path: Path) -> Splits:
    """Read an npz file: uint8 images [N, H, W, C] or [N, H, W] and whole-number labels [N].

    Without test arrays a fifth of each class is split off, always the same. Pickled objects are never read.
    Raises DatasetUnreadable, DatasetLabelsInvalid, DatasetShapeMixed, DatasetOneClass, and what Splits raises.
    """
    arrays = _arrays(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        labels = np.concatenate([_labels(arrays["y_train"]), _labels(arrays["y_test"])])
        names = numbered_classes(torch.from_numpy(labels))
        train = _images(arrays["x_train"], arrays["y_train"], names)
        test = _images(arrays["x_test"], arrays["y_test"], names)
        if train.images.shape[1:] != test.images.shape[1:]:
            raise DatasetShapeMixed("Training and test images differ in shape; save both in one size.")
        return Splits(train=train, test=test)
    if {"images", "labels"} <= arrays.keys():
        names = numbered_classes(torch.from_numpy(_labels(arrays["labels"])))
        every = _images(arrays["images"], arrays["labels"], names)
        return without_test_part(every)
    raise DatasetUnreadable(f"{path.name} lacks the arrays of a data set; {_LAYOUT}.")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > MOST_BYTES:
                raise DatasetUnreadable(f"The arrays unpack to more than {MOST_BYTES >> 30} GiB; save fewer images.")
            return {info.filename.removesuffix(".npy"): _array(archive, info) for info in infos}
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DatasetUnreadable(f"{path.name} is no readable npz file; {_LAYOUT}.") from error


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, after its header was held against the entry's size: a header may claim terabytes."""
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        claimed = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
        if dtype.hasobject or claimed > info.file_size:
            raise DatasetUnreadable(f"{info.filename} holds objects or claims more bytes than it has; {_LAYOUT}.")
    with archive.open(info) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _labels(array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu" or array.size == 0 or array.size != len(array.reshape(-1)):
        raise DatasetLabelsInvalid("Labels must be whole numbers, one for each image.")
    return array.reshape(-1).astype(np.int64)


def _images(array: NDArray[Any], labels: NDArray[Any], names: tuple[str, ...]) -> LabelledImages:
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise DatasetUnreadable(f"Images are {array.dtype} with {array.ndim} dimensions; {_LAYOUT}.")
    pixels = array if array.ndim == 4 else array[..., None]  # [N, H, W, C]
    if not 1 <= pixels.shape[3] <= 4:
        raise DatasetUnreadable(f"Images have {pixels.shape[3]} channels in the last place; {_LAYOUT}.")
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))  # [N, C, H, W]
    return LabelledImages(images, torch.from_numpy(_labels(labels)), names)
