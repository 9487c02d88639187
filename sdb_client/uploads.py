"""Sending files in parts, each checked by SHA-256, so that a broken line costs one part and not the file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdb_client.errors import ConnectionFailed, FileChanged, ProblemError, SDBError, UploadInterrupted
from sdb_client.http import Wire, path
from sdb_client.shapes import from_json

Progress = Callable[[int, int], None]  # bytes that have arrived, bytes of the whole

_PART_ATTEMPTS = 3
_PAUSE = 0.3  # seconds before a part is sent again
_JOINING = 600.0  # seconds; the service reads the whole file once more
_READ_BYTES = 2**20


@dataclass(frozen=True)
class Part:
    """A part that has arrived."""

    number: int
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Address:
    """Where a part is sent: a path of the service, or a presigned address of a bucket."""

    number: int
    url: str


@dataclass(frozen=True)
class Upload:
    """A file on its way (`open`), arrived and verified (`complete`), or given up (`failed`). Sizes are in bytes."""

    id: str
    filename: str
    size: int
    sha256: str
    state: str
    part_bytes: int
    parts_expected: int
    parts: tuple[Part, ...]
    addresses: tuple[Address, ...]
    created_at: datetime


class Uploads:
    """`client.uploads`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def begin(self, file: Path | str) -> Upload:
        """Announce a file. Its bytes are sent with `resume`; `send` does both."""
        file = Path(file)
        body = {"filename": file.name, "size": file.stat().st_size, "sha256": sha256_of(file)}
        return from_json(Upload, self._wire.create("/v1/uploads", body))

    def get(self, upload_id: str) -> Upload:
        return from_json(Upload, self._wire.get(path("v1", "uploads", upload_id)))

    def send(self, file: Path | str, *, progress: Progress | None = None) -> Upload:
        """Send a whole file and have it verified.

        Raises:
            UploadInterrupted: the connection broke; `resume` goes on with what is missing.
            TooLarge: the service does not take files of this size; no byte was sent.
        """
        upload = self.begin(file)
        return self._finish(upload, Path(file), progress)

    def resume(self, upload_id: str, file: Path | str, *, progress: Progress | None = None) -> Upload:
        """Send what is still missing of an upload; of a complete one, nothing.

        Raises:
            FileChanged: `file` is not the file that the upload was begun with.
            UploadInterrupted: the connection broke again.
        """
        upload, file = self.get(upload_id), Path(file)
        if (file.stat().st_size, sha256_of(file)) != (upload.size, upload.sha256):
            raise FileChanged(
                f"{file.name} is not the file that upload {upload_id} was begun with; start a new upload."
            )
        return self._finish(upload, file, progress)

    def discard(self, upload_id: str) -> None:
        """Throw an unfinished upload away."""
        self._wire.delete(path("v1", "uploads", upload_id))

    def _finish(self, upload: Upload, file: Path, progress: Progress | None) -> Upload:
        try:
            while upload.state == "open" and upload.addresses:
                arrived = len(upload.parts)
                self._send_missing(upload, file, progress)
                upload = self.get(upload.id)
                if len(upload.parts) <= arrived:
                    raise ConnectionFailed("Parts were sent and have not arrived; try again later.")
            if upload.state == "open":
                address = path("v1", "uploads", upload.id, "complete")
                answer = self._wire.act(address, repeatable=True, timeout=_JOINING)
                upload = from_json(Upload, answer)
        except ConnectionFailed as error:
            raise UploadInterrupted(upload.id, error.detail) from error
        return upload

    def _send_missing(self, upload: Upload, file: Path, progress: Progress | None) -> None:
        arrived = sum(part.size for part in upload.parts)
        with file.open("rb") as opened:
            for address in upload.addresses:
                opened.seek((address.number - 1) * upload.part_bytes)
                content = opened.read(upload.part_bytes)
                self._send_part(address, content)
                arrived += len(content)
                if progress is not None:
                    progress(arrived, upload.size)

    def _send_part(self, address: Address, content: bytes) -> None:
        for attempt in range(_PART_ATTEMPTS):
            try:
                return self._put(address, content)
            except SDBError as error:
                if attempt == _PART_ATTEMPTS - 1 or not _damaged_on_the_way(error):
                    raise
            self._wire.sleep(_PAUSE * 2**attempt)
        return None

    def _put(self, address: Address, content: bytes) -> None:
        if address.url.startswith("/"):
            digest = {"X-Content-Sha256": hashlib.sha256(content).hexdigest()}
            self._wire.send("PUT", address.url, content=content, headers=digest, repeatable=False)
        else:
            self._wire.send_elsewhere(address.url, content)


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, as hex, read in pieces."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _damaged_on_the_way(error: SDBError) -> bool:
    if isinstance(error, ProblemError):
        return error.status >= 500 or error.code in ("sha256_mismatch", "part_truncated")
    return isinstance(error, ConnectionFailed)
