"""Files in a folder: written beside, flushed, then renamed into place."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sdb_service.errors import NotFound
from sdb_service.storage.base import CHUNK

log = logging.getLogger(__name__)


class LocalStorage:
    """The embedded profile's store."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def put_file(self, key: str, source: Path) -> None:
        with source.open("rb") as file:
            self._write(self._path(key), iter(lambda: file.read(CHUNK), b""))

    def put_bytes(self, key: str, content: bytes) -> None:
        self._write(self._path(key), [content])

    def fetch(self, key: str, target: Path) -> None:
        shutil.copyfile(self._existing(key), target)

    def read(self, key: str) -> Iterator[bytes]:
        file = self._existing(key).open("rb")

        def chunks() -> Iterator[bytes]:
            with file:
                yield from iter(lambda: file.read(CHUNK), b"")

        return chunks()

    def size(self, key: str) -> int:
        return self._existing(key).stat().st_size

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def check(self) -> None:
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError("the folder of the store is gone, or not ours to write")

    def keys(self, prefix: str) -> list[str]:
        top = self._path(prefix)
        files = (path.relative_to(self.root) for path in top.rglob("*") if path.is_file())
        return sorted(str(path) for path in files if not _is_unfinished(path))

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def begin_parts(self, key: str) -> str | None:
        self._parts_folder(key).mkdir(parents=True, exist_ok=True)
        return None

    def part_address(self, key: str, ref: str | None, number: int) -> str | None:  # noqa: ARG002
        return None

    def write_part(self, key: str, number: int, chunks: Iterable[bytes]) -> None:
        self._write(self._parts_folder(key) / f"{number:05d}", chunks)

    def parts(self, key: str, ref: str | None) -> dict[int, int]:  # noqa: ARG002
        folder = self._parts_folder(key)
        return {int(path.name): path.stat().st_size for path in sorted(folder.glob("[0-9]*")) if path.suffix == ""}

    def join_parts(self, key: str, ref: str | None) -> None:
        folder = self._parts_folder(key)

        def chunks() -> Iterator[bytes]:
            for number in sorted(self.parts(key, ref)):
                with (folder / f"{number:05d}").open("rb") as file:
                    yield from iter(lambda: file.read(CHUNK), b"")

        self._write(self._path(key), chunks())
        self.drop_parts(key, ref)

    def drop_parts(self, key: str, ref: str | None) -> None:  # noqa: ARG002
        shutil.rmtree(self._parts_folder(key), ignore_errors=True)

    def _parts_folder(self, key: str) -> Path:
        path = self._path(key)
        return path.with_name(path.name + ".parts")

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError("a storage key points outside the store")
        return path

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise missing_file(key)
        return path

    def _write(self, path: Path, chunks: Iterable[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _is_unfinished(path: Path) -> bool:
    """Whether this is a part or a write in progress, not a finished file."""
    return path.suffix == ".tmp" or any(parent.suffix == ".parts" for parent in path.parents)


def missing_file(key: str) -> NotFound:
    """The error for a file that should be there; which one it is stands in the log, not in an answer to strangers."""
    log.warning("a stored file is missing", extra={"key": key})
    return NotFound("file_missing", "A stored file is gone; restore it from a backup, or upload it again.")
