"""What the service asks of a file store."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20


class Storage(Protocol):
    """Files by key. A key names a finished file: a write appears whole or not at all."""

    def put_file(self, key: str, source: Path) -> None: ...

    def put_bytes(self, key: str, content: bytes) -> None: ...

    def fetch(self, key: str, target: Path) -> None:
        """Copy the file to `target`. Raises `NotFound` where there is none."""

    def read(self, key: str) -> Iterator[bytes]:
        """The file in chunks. Raises `NotFound` where there is none, before the first chunk."""

    def size(self, key: str) -> int: ...

    def exists(self, key: str) -> bool: ...

    def check(self) -> None:
        """Raise `OSError` where the store cannot be read or written now."""

    def keys(self, prefix: str) -> list[str]: ...

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens where there is none."""

    # An upload in parts. `ref` is what the store calls it; a local folder needs no name of its own.

    def begin_parts(self, key: str) -> str | None: ...

    def part_address(self, key: str, ref: str | None, number: int) -> str | None:
        """Where the client itself sends part `number`; None where parts go through the API."""

    def write_part(self, key: str, number: int, chunks: Iterable[bytes]) -> None: ...

    def parts(self, key: str, ref: str | None) -> dict[int, int]:
        """Parts received so far: number to size in bytes."""

    def join_parts(self, key: str, ref: str | None) -> None:
        """Make the file `key` of its parts in order."""

    def drop_parts(self, key: str, ref: str | None) -> None: ...
