"""Tombstones in storage: `revocations/<kind>/<id>.json` says that this object was taken away for good.

Each carries an HMAC-SHA256 under the audit key, so that who can write to the storage alone takes nothing away.
"""

import hmac
import json
import logging
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from sdb_service import clock
from sdb_service.errors import NotFound
from sdb_service.secret import Secret
from sdb_service.storage import Storage

log = logging.getLogger(__name__)

_FOLDER = "revocations"
_KIND = "sdb-revocation/1"
_MOST_BYTES = 4096
STORAGE_FAULTS = (OSError, BotoCoreError, ClientError, NotFound)


@dataclass(frozen=True)
class Tombstones:
    """The tombstones of one service."""

    storage: Storage
    key: Secret

    def leave(self, kind: str, object_id: str) -> None:
        """Write that the object was taken away. Writing it twice does what once does."""
        at = clock.now().isoformat(timespec="seconds")
        fields = {"format": _KIND, "kind": kind, "id": object_id, "at": at, "mac": self._mac(kind, object_id, at)}
        self.storage.put_bytes(_name(kind, object_id), json.dumps(fields).encode() + b"\n")

    def leave_if_possible(self, kind: str, object_id: str) -> None:
        """As `leave`; where the storage fails, the taking away goes on, and the next reconciling writes it."""
        try:
            self.leave(kind, object_id)
        except STORAGE_FAULTS as error:
            log.warning("a tombstone could not be written", extra={"kind": kind, "id": object_id, "why": str(error)})

    def ids(self, kind: str) -> set[str]:
        """Objects of this kind that have a tombstone. Whether it is genuine, `is_genuine` says."""
        names = self.storage.keys(f"{_FOLDER}/{kind}")
        return {name.rpartition("/")[2].removesuffix(".json") for name in names}

    def is_genuine(self, kind: str, object_id: str) -> bool:
        """Whether the service itself wrote this tombstone."""
        try:
            fields = json.loads(b"".join(self.storage.read(_name(kind, object_id)))[:_MOST_BYTES])
            given, at = str(fields["mac"]), str(fields["at"])
        except (ValueError, KeyError, TypeError, NotFound):
            return False
        return hmac.compare_digest(given.encode(), self._mac(kind, object_id, at).encode())

    def _mac(self, kind: str, object_id: str, at: str) -> str:
        text = f"{_KIND}\n{kind}\n{object_id}\n{at}"
        return hmac.digest(self.key.reveal(), text.encode(), "sha256").hex()


def _name(kind: str, object_id: str) -> str:
    return f"{_FOLDER}/{kind}/{object_id}.json"
