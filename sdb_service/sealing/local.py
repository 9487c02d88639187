"""Key-encryption keys in files: a process with the public file seals, one with the ring of private keys also opens."""

import logging
from pathlib import Path

from sdb_service.errors import KeyServiceUnavailable
from sdb_service.sealing.files import Watched, alone_in
from sdb_service.sealing.key_ring import EMPTY, PublicKey, Ring, read_public, read_ring, write_public, write_ring
from sdb_service.sealing.roles import Wrapped
from sdb_service.secret import Secret

log = logging.getLogger(__name__)


class LocalSealer:
    """Seals under the public key of a file. It holds nothing that opens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Watched[PublicKey] | None = None

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        if self._file is None:  # a worker may be up before the keys are made
            self._file = self._opened()
        return self._file.now().wrap(data_key, context)

    def _opened(self) -> Watched[PublicKey]:
        try:
            return Watched(self._path, read_public)
        except FileNotFoundError as error:
            raise KeyServiceUnavailable(
                f"There is no public key at {self._path}; run 'sdb admin migrate' where the private keys are, or copy "
                "it here"
            ) from error


class LocalKeyEncryption:
    """Seals and opens with the ring of a file that only its owner may read, made on first use.

    A key that another process adds is known here at once. `public` is kept to the public half of the current key.
    """

    def __init__(self, path: Path, *, public: Path | None = None) -> None:
        self._path = path
        self._public = public or path.with_name(f"{path.name}.pub")
        _make_ready(path)
        self._file: Watched[Ring] = Watched(path, read_ring)
        self._publish(must=False)

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        current = self._file.now().current
        if current is None:
            raise KeyServiceUnavailable(
                f"{self._path} is of an older version and cannot be changed here; run 'sdb admin migrate' where it can"
            )
        return current.public.wrap(data_key, context)

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        return self._file.now().find(wrapped.kek_id).unwrap(wrapped, context)

    def begin_rotation(self) -> str:
        """Make a new key the current one, or go on with one that was begun; its id. Raises `OSError`."""
        with alone_in(self._path.parent):
            ring = read_ring(self._path)
            if not ring.rotating:
                ring = ring.with_fresh_key(rotating=True)
                write_ring(self._path, ring)
        self._publish(must=True)
        assert ring.current is not None
        return ring.current.id

    def end_rotation(self) -> list[str]:
        """Note that no value needs another key than the current one; the ids of the keys that may go."""
        with alone_in(self._path.parent):
            ring = read_ring(self._path).rotated()
            write_ring(self._path, ring)
        return [kek_id for kek_id, key in ring.keys.items() if key is not ring.current]

    def forget_old_keys(self) -> None:
        """Drop every key but the current one from the file."""
        with alone_in(self._path.parent):
            write_ring(self._path, read_ring(self._path).without_old_keys())

    def _publish(self, *, must: bool) -> None:
        """Keep the public file to the current key, where it can be written."""
        try:
            self._public.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with alone_in(self._public.parent):
                current = read_ring(self._path).current
                if current is not None and not _says(self._public, current.public):
                    write_public(self._public, current.public)
        except OSError as error:
            if must:
                raise
            log.info("the public key was not written", extra={"path": str(self._public), "reason": str(error)})


def _make_ready(path: Path) -> None:
    """A file with a key that can seal: made new, or from the file of an older version whose key stays in it."""
    if path.exists() and read_ring(path).current is not None:
        return
    try:
        with alone_in(path.parent):
            ring = read_ring(path) if path.exists() else EMPTY
            if ring.current is None:
                write_ring(path, ring.with_fresh_key(rotating=bool(ring.keys)))
    except OSError as error:
        if not path.exists():
            raise
        log.warning("an older key file cannot be renewed", extra={"path": str(path), "reason": str(error)})


def _says(path: Path, key: PublicKey) -> bool:
    try:
        return read_public(path).id == key.id
    except (OSError, ValueError):
        return False
