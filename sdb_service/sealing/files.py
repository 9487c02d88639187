"""Key files: made once, closed to others, replaced whole, and read again when they change."""

import fcntl
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from sdb_service.secret import Secret

T = TypeVar("T")

log = logging.getLogger(__name__)

_KEY = 32


def read_key_file(path: Path) -> Secret:
    """The 32 bytes of a key file, made on first use with mode 0600.

    Raises:
        PermissionError: others can read the file.
        ValueError: it does not hold 32 bytes.
    """
    if not path.exists():
        _make_key_file(path)
    value = read_closed(path)
    if len(value) != _KEY:
        raise ValueError(
            f"{path} must hold exactly {_KEY} bytes; restore it from a backup, since a new one opens nothing"
        )
    return Secret(value)


def read_closed(path: Path) -> bytes:
    """The content of a file that nobody else can reach. Raises `PermissionError`."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others; run: chmod 600 {path}")
    return path.read_bytes()


def replace_file(path: Path, content: bytes, *, mode: int) -> None:
    """Put `content` in the place of a file: at any moment there is the old one or the new one, whole, on the disk."""
    temporary = _beside(path, content)
    temporary.chmod(mode)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time change the key files of a folder; a killed one lets go."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Watched(Generic[T]):
    """What a file says, read again whenever the file was replaced. While it cannot be read the last word stands."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path, self._read = path, read
        self._seen = _signature(path)  # before reading: a change in between is then read once more
        self._value = read(path)

    def now(self) -> T:
        try:
            seen = _signature(self._path)
            if seen != self._seen:
                self._value, self._seen = self._read(self._path), seen
        except (OSError, ValueError) as error:
            log.error("a key file cannot be read again", extra={"path": str(self._path), "reason": str(error)})
        return self._value


def _signature(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _beside(path, os.urandom(_KEY))
    try:
        os.link(temporary, path)  # fails where another process was first: its key stands
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _beside(path: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # made with mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
