"""Parquet as the data hubs lay it out: a column `img` or `image` of encoded images, a column `label` of numbers."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sdb_core.datasets.contents import Contents, File
from sdb_core.datasets.images import LabelledImages, Splits, numbered_classes, without_test_part
from sdb_core.datasets.pixels import Encoded, Shape, stacked
from sdb_core.errors import DatasetImageUnreadable, DatasetLabelsInvalid, DatasetUnreadable

MOST_FILE_BYTES = 2 << 30
BATCH = 64  # images decompressed at a time: each may claim 16 MiB
_IMAGES, _LABELS = ("img", "image"), ("label", "labels", "fine_label")
_TEST = ("test", "val")
_LAYOUT = "give columns img (a struct of bytes and path, or binary) and label (whole numbers from 0)"


@dataclass(frozen=True)
class _Table:
    """One opened parquet file: the columns to read (`bytes` of the struct, or the binary itself), and its length."""

    name: str
    file: Any  # a pyarrow.parquet.ParquetFile
    image: str
    label: str
    inner: bool
    rows: int


def is_parquet(contents: Contents) -> bool:
    """Whether there are parquet files."""
    return bool(_parquets(contents))


def load_parquet(contents: Contents, *, shape: Shape) -> Splits:
    """Read one file, or `train*.parquet` and `test*.parquet` (else `val*`), or `train/*.parquet` and so on.

    Without a test part a fifth of each class is split off, always the same. Class names are those that the data hub
    wrote into the file, or the labels' own numbers. `shape` converts the images. Needs pyarrow.
    Raises DatasetUnreadable, DatasetImageUnreadable (names the row), DatasetLabelsInvalid, DatasetShapeMixed, and what
    Splits raises.
    """
    parts = _parts(contents)
    read = [_read(contents, files, shape=shape) for files in parts if files]
    names = read[0][2] or numbered_classes(torch.cat([labels for _, labels, _ in read]))
    found = [LabelledImages(images, labels, names) for images, labels, _ in read]
    return Splits(*found) if len(found) == 2 else without_test_part(found[0])


def _parquets(contents: Contents) -> list[File]:
    if contents.single:
        return list(contents.files)
    return sorted(
        (file for file in contents.files if file.path.suffix.lower() == ".parquet"), key=lambda file: str(file.path)
    )


def _parts(contents: Contents) -> tuple[list[File], list[File]]:
    """The files to train on and those to be judged on; all are one part where none is called `train`."""
    files = _parquets(contents)
    if not files:
        raise DatasetUnreadable(f"{contents.name} holds no parquet files; give train.parquet and test.parquet.")
    train = [file for file in files if _is_part(file, "train")]
    if not train:
        return files, []
    for name in _TEST:
        if test := [file for file in files if _is_part(file, name)]:
            return train, test
    return train, []


def _is_part(file: File, name: str) -> bool:
    """Whether a file belongs to the part `name`: its own name says so, or, where that names no part, its folder's."""
    own, folder = file.path.name.lower(), file.path.parent.name.lower()
    return (own if own.startswith(("train", *_TEST)) else folder).startswith(name)


def _read(contents: Contents, files: list[File], *, shape: Shape) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """One part: images uint8 [N, C, H, W], labels int64 [N], and the class names that the file knows."""
    tables = [_opened(contents, file) for file in files]
    labels: list[int] = []
    count = sum(table.rows for table in tables)
    images = stacked(_encoded(tables, labels), count=count, shape=shape)
    return images, torch.tensor(labels, dtype=torch.int64), _hub_names(tables[0])


def _opened(contents: Contents, file: File) -> _Table:
    if file.size > MOST_FILE_BYTES:
        raise DatasetUnreadable(f"{file.path} has more than {MOST_FILE_BYTES >> 30} GiB; write several smaller files.")
    pyarrow, parquet = _pyarrow()
    name = str(file.path)
    with _reading(name):
        opened = parquet.ParquetFile(pyarrow.BufferReader(contents.read(file)), pre_buffer=False)
        columns = {field.name: field.type for field in opened.schema_arrow}
    image = next((column for column in _IMAGES if column in columns), None)
    label = next((column for column in _LABELS if column in columns), None)
    if image is None or label is None or not pyarrow.types.is_integer(columns[label]):
        raise DatasetUnreadable(f"{name} has the columns {', '.join(columns)[:200]}; {_LAYOUT}.")
    inner = pyarrow.types.is_struct(columns[image])
    kind = _inner_type(columns[image]) if inner else columns[image]
    if kind is None or not (pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)):
        raise DatasetUnreadable(f"{name} has no bytes in the column {image}; {_LAYOUT}.")
    return _Table(name, opened, image, label, inner, opened.metadata.num_rows)


def _inner_type(struct: Any) -> Any:
    return next((field.type for field in struct if field.name == "bytes"), None)


def _encoded(tables: list[_Table], labels: list[int]) -> Iterator[Encoded]:
    """The images of all tables in order; their labels are put into `labels` on the way."""
    for table in tables:
        columns = [f"{table.image}.bytes" if table.inner else table.image, table.label]
        with _reading(table.name):
            for batch in table.file.iter_batches(batch_size=BATCH, columns=columns, use_threads=False):
                images = batch.column(table.image)
                contents = (images.field("bytes") if table.inner else images).to_pylist()
                for content, label in zip(contents, batch.column(table.label).to_pylist(), strict=True):
                    name = f"{table.name}, image {len(labels)}"
                    if content is None:
                        raise DatasetImageUnreadable(f"{name} has a path and no bytes; write the images into the file.")
                    if label is None:
                        raise DatasetLabelsInvalid(f"{name} has no label; give each image one, or leave it out.")
                    labels.append(label)
                    yield Encoded(len(labels) - 1, name, content)


def _hub_names(table: _Table) -> tuple[str, ...]:
    """The class names that the hub's libraries keep in the schema; () where there are none."""
    try:
        about = json.loads((table.file.schema_arrow.metadata or {})[b"huggingface"])
        names = about["info"]["features"][table.label]["names"]
    except (KeyError, ValueError, TypeError):
        return ()
    sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if sound else ()


@contextmanager
def _reading(name: str) -> Iterator[None]:
    pyarrow, _ = _pyarrow()
    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DatasetUnreadable(f"{name} is damaged or no parquet file; write or upload it again.") from error


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    """pyarrow and its parquet module. An extra, loaded for those who have parquet files."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DatasetUnreadable(
            "Reading parquet needs pyarrow, which is not installed here; install it (pip install pyarrow), "
            "or give the images as a zip of folders."
        ) from error
