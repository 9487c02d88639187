"""Keeping storage and database in line while an API process runs: a thread that sleeps nearly always."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from sdb_service.audit import heads
from sdb_service.audit.heads import Head
from sdb_service.db import Database
from sdb_service.errors import ServiceError, Unavailable
from sdb_service.restoring.reconciling import Found, reconcile
from sdb_service.restoring.tombstones import STORAGE_FAULTS, Tombstones
from sdb_service.signing import SignatureInvalid, SigningKey

log = logging.getLogger(__name__)

_FAULTS = (*STORAGE_FAULTS, SQLAlchemyError, ServiceError)
_NOT_YET = "revocations have not been compared with storage yet"


class Keeper:
    """Signs the head of the audit log into storage, and notices when the database is older than storage knows.

    Until the first comparison has ended well, and from the moment a restored database is noticed until it is put
    right, `require_current` lets nobody through.
    """

    def __init__(
        self,
        database: Database,
        tombstones: Tombstones,
        signing: SigningKey,
        *,
        head_seconds: float,
        all_seconds: float,
    ) -> None:
        self._database, self._tombstones, self._signing = database, tombstones, signing
        self._head_seconds, self._all_seconds = head_seconds, all_seconds
        self._held: str | None = _NOT_YET
        self._newest: Head | None = None
        self._changed: Callable[[], None] = lambda: None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, changed: Callable[[], None]) -> None:
        """Compare once, now, and then go on in a thread. `changed` is called when something was taken away again."""
        self._changed = changed
        self._try(self.compare)
        self._thread = threading.Thread(target=self._keep_on, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, what it is doing first, and sign where the log ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._try(self.sign_head)

    def require_current(self) -> None:
        """Let pass where the database is as new as storage knows.

        Raises:
            Unavailable: it is not, or nobody knows yet.
        """
        if self._held is not None:
            raise Unavailable("revocations_unsure", f"No keys are given out now: {self._held}; try again in a minute.")

    def check(self) -> None:
        """As `require_current`, for `/readyz`. Raises `RuntimeError`."""
        if self._held is not None:
            raise RuntimeError(self._held)

    def compare(self) -> Found:
        """Take away again what the database forgot, store what storage lacks, sign the head."""
        found = reconcile(self._database, self._tombstones, self._signing)
        if found.lost or found.again:
            self._changed()
        self._newest = None
        self.sign_head()
        self._held = None
        return found

    def sign_head(self) -> Head | None:
        """Store the log's head if it has moved; None where it has not. Where it has moved back, compare first."""
        with self._database.reading() as session:
            head = heads.current_head(session)
        if self._newest is not None and (head.number, head.hash) == (self._newest.number, self._newest.hash):
            return None
        stored = self._stored()
        with self._database.reading() as session:  # begun after storage was read: another process may be ahead of us
            head = heads.current_head(session)
            older = stored is not None and not heads.fits(session, stored)
        if older and self._newest is not None:
            self._held = "the database is older than what storage knows"
            self.compare()
            return self._newest
        if head.number and (stored is None or older or head.number > stored.number):
            heads.keep_head(self._tombstones.storage, head, signing=self._signing)
        self._newest = head
        return head

    def _stored(self) -> Head | None:
        try:
            return heads.newest_head(self._tombstones.storage, public_key=self._signing.public_key_text)
        except SignatureInvalid:
            log.error("the newest signed head in storage was changed, or signed with another key")
            return None

    def _keep_on(self) -> None:
        compared = time.monotonic()
        while not self._stopping.wait(self._head_seconds):
            if self._held is not None or time.monotonic() - compared >= self._all_seconds:
                compared = time.monotonic()
                self._try(self.compare)
            else:
                self._try(self.sign_head)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except _FAULTS as error:
            log.warning("revocations and heads could not be compared with storage", extra={"why": str(error)})
