"""Which reader opens which data set."""

import zipfile
from pathlib import Path

from sdb_core.datasets.arrays import load_npz
from sdb_core.datasets.cifar import is_cifar, load_cifar
from sdb_core.datasets.contents import Contents, begins, opened
from sdb_core.datasets.digits import digits
from sdb_core.datasets.image_folder import load_image_folder
from sdb_core.datasets.images import Splits
from sdb_core.datasets.parquet import is_parquet, load_parquet
from sdb_core.datasets.pixels import Shape
from sdb_core.datasets.tiny_imagenet import is_tiny_imagenet, load_tiny_imagenet
from sdb_core.errors import DatasetUnreadable

KINDS = ("image_folder", "npz", "parquet", "cifar", "tiny_imagenet")
_BUILTIN = {"builtin:digits": digits}


def open_dataset(
    source: str | Path,
    kind: str | None = None,
    *,
    channels: int | None = None,
    size: tuple[int, int] | None = None,
) -> Splits:
    """Open `builtin:digits`, a folder, or a file: .zip, .tar, .tar.gz, .parquet or .npz.

    Folders and archives hold folders of images, CIFAR-10 or -100, Tiny-ImageNet, or parquet files; what they hold
    decides, unless `kind` (one of KINDS) does. `channels` and `size` (height, width) convert encoded images; the pixels
    of npz and CIFAR stay as they are. Nothing is unpacked to disk.
    Raises DatasetUnreadable and the readers' errors.
    """
    if str(source).startswith("builtin:"):
        if str(source) not in _BUILTIN:
            raise DatasetUnreadable(f"There is no data set {source}; built in is {', '.join(_BUILTIN)}.")
        return _BUILTIN[str(source)]()
    path, shape = Path(source), Shape(channels, size)
    if not path.exists():
        raise DatasetUnreadable(f"There is no file or folder {path.name}; check the path.")
    if kind is not None and kind not in KINDS:
        raise DatasetUnreadable(f"There is no kind of data set {kind!r}; choose one of {', '.join(KINDS)}.")
    if kind == "npz" or (kind is None and _is_npz(path)):
        return load_npz(path)
    with opened(path) as contents:
        return _read(contents, kind or _kind_of(contents), shape=shape)


def _is_npz(path: Path) -> bool:
    if path.suffix.lower() == ".npz":
        return True
    if not path.is_file() or not begins(path, b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # the reader of archives says what is wrong
    return bool(names) and all(name.endswith(".npy") for name in names)


def _kind_of(contents: Contents) -> str:
    if is_cifar(contents):
        return "cifar"
    if is_tiny_imagenet(contents):
        return "tiny_imagenet"
    return "parquet" if is_parquet(contents) else "image_folder"


def _read(contents: Contents, kind: str, *, shape: Shape) -> Splits:
    if kind == "cifar":
        return load_cifar(contents)
    if kind == "tiny_imagenet":
        return load_tiny_imagenet(contents, shape=shape)
    if kind == "parquet":
        return load_parquet(contents, shape=shape)
    return load_image_folder(contents, shape=shape)
