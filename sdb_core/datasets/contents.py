"""The files of a data set, wherever they lie: in a folder, a zip or a tar. Nothing is unpacked to disk."""

import gzip
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from sdb_core.datasets.tar import TarDamaged, tar_members
from sdb_core.errors import DatasetUnreadable

MOST_FILES = 200_000
MOST_BYTES = 4 << 30
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".npz", ".parquet")
_PADDING = 1 << 20
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_TAKEN = (
    "a folder, .zip, .tar or .tar.gz of CLASS/image.png (or train/CLASS/image.png and test/CLASS/image.png), of CIFAR, "
    "Tiny-ImageNet or parquet files, or a .parquet or .npz file"
)


@dataclass(frozen=True)
class File:
    """One file: where it lies in the data set, its size in bytes, and its `place` in the archive."""

    path: PurePosixPath
    size: int
    place: int


class Contents(Protocol):
    """The plain files of one data set. To read them by rising `place` never winds a compressed archive back."""

    name: str
    files: tuple[File, ...]
    single: bool  # one parquet file and nothing around it

    def read(self, file: File) -> bytes:
        """The file's bytes, as many as it claims. Raises DatasetUnreadable where they are damaged."""


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """The files below a folder, in an archive, or the one parquet file; the content decides before the suffix.

    Hidden files are left out. Raises DatasetUnreadable for what is damaged, too large, a link, or leads outside.
    """
    if path.is_dir():
        yield _Folder(path.name, path, _walked(path))
    elif begins(path, b"PK") or path.suffix.lower() == ".zip":
        with _zip_at(path) as archive:
            yield _Zip(path.name, archive)
    elif begins(path, b"\x1f\x8b") or path.name.lower().endswith((".tar.gz", ".tgz")):
        with gzip.open(path, "rb") as unpacked:
            yield _Tar(path.name, unpacked)
    elif begins(path, b"ustar", at=257) or path.suffix.lower() == ".tar":
        with path.open("rb") as stream:
            yield _Tar(path.name, stream)
    elif begins(path, b"PAR1") or path.suffix.lower() == ".parquet":
        yield _Folder(path.name, path.parent, [path], single=True)
    else:
        raise DatasetUnreadable(f"{path.name} is of no known kind; give {_TAKEN}.")


def begins(path: Path, magic: bytes, *, at: int = 0) -> bool:
    """Whether the file has these bytes `at` this place."""
    with path.open("rb") as stream:
        stream.seek(at)
        return stream.read(len(magic)) == magic


class _Folder:
    def __init__(self, name: str, root: Path, paths: Iterable[Path], *, single: bool = False) -> None:
        self.name, self.root, self.single = name, root, single
        with _reading(name):
            self.files = _checked(
                File(PurePosixPath(path.relative_to(root).as_posix()), path.stat().st_size, place)
                for place, path in enumerate(paths)
            )

    def read(self, file: File) -> bytes:
        with _reading(self.name), (self.root / file.path).open("rb") as stream:
            return _whole(stream, file)


class _Zip:
    single = False

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self.name, self.archive = name, archive
        infos = [info for info in archive.infolist() if not info.is_dir()]
        for info in infos:
            if stat.S_ISLNK(info.external_attr >> 16) or info.compress_type not in _ZIP_METHODS:
                raise DatasetUnreadable(f"{info.filename} is a link or packed in an odd way; pack plain files as zip.")
        self.by_place = {info.header_offset: info for info in infos}
        self.files = _checked(File(PurePosixPath(info.filename), info.file_size, info.header_offset) for info in infos)

    def read(self, file: File) -> bytes:
        with _reading(self.name), self.archive.open(self.by_place[file.place]) as stream:
            return _whole(stream, file)


class _Tar:
    single = False

    def __init__(self, name: str, stream: io.BufferedIOBase) -> None:
        self.name, self.stream = name, stream
        with _reading(name):
            members = tar_members(stream)
            self.files = _checked(File(PurePosixPath(one.name), one.size, one.place) for one in members)
            stream.read(_PADDING)  # to the end of a compressed tar, where its checksum stands

    def read(self, file: File) -> bytes:
        with _reading(self.name):
            self.stream.seek(file.place)
            return _whole(self.stream, file)


def _checked(files: Iterable[File]) -> tuple[File, ...]:
    """The files that are no one's hidden ones; refuses too many, too large, and paths that lead outside."""
    found, seen, total = [], 0, 0
    for file in files:
        seen, total = seen + 1, total + file.size
        if seen > MOST_FILES or total > MOST_BYTES:
            raise DatasetUnreadable(
                f"The data set unpacks to more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GiB; give a smaller one."
            )
        if file.path.is_absolute() or ".." in file.path.parts:
            raise DatasetUnreadable("The archive holds a path that leads outside; pack the data set again.")
        if not any(part.startswith(".") or part == "__MACOSX" for part in file.path.parts):
            found.append(file)
    return tuple(found)


def _walked(root: Path) -> Iterator[Path]:
    """Every file below a folder, in order of their names."""
    for folder, inner, names in os.walk(root):
        inner.sort()
        for path in (Path(folder, name) for name in sorted([*inner, *names])):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise DatasetUnreadable(f"{path.name} is a link or a device; put the file itself there.")
            if path.is_file():
                yield path


def _zip_at(path: Path) -> zipfile.ZipFile:
    with _reading(path.name):
        return zipfile.ZipFile(path)


def _whole(stream: IO[bytes] | io.BufferedIOBase, file: File) -> bytes:
    content = stream.read(file.size)
    if len(content) < file.size:
        raise EOFError
    return content


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except TarDamaged as error:
        raise DatasetUnreadable(f"{name} cannot be read: {error}.") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise DatasetUnreadable(f"{name} is damaged or of another kind; pack or upload it again.") from error
