"""The thread that keeps a lease alive while the work goes on, and hears what the row says."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from sdb_service import lifecycle
from sdb_service.errors import LostLease
from sdb_service.lifecycle import Claim
from sdb_service.runtime import WorkerRuntime

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class Heartbeat:
    """Extends the lease until the block ends; `lost` and `cancelled` tell the worker to stop."""

    def __init__(self, runtime: WorkerRuntime, held: Claim) -> None:
        self._runtime = runtime
        self._held = held
        self._over = threading.Event()
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{held.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        # Looks more often than it beats: a cancel is heard within a second, the lease costs a write every few.
        every = self._runtime.settings.heartbeat_seconds
        beaten = time.monotonic()
        while not self._over.wait(min(_LOOK_SECONDS, every)) and not self.lost.is_set():
            due = time.monotonic() - beaten >= every
            self._look(beat=due)
            beaten = time.monotonic() if due else beaten

    def _look(self, *, beat: bool) -> None:
        try:
            if self._asked_to_stop(beat=beat):
                self.cancelled.set()
        except LostLease:
            self.lost.set()
        except SQLAlchemyError as error:
            # The lease outlives several beats: a database that is away for a moment costs nothing.
            log.warning("a heartbeat failed", extra={"id": self._held.id, "reason": type(error).__name__})

    def _asked_to_stop(self, *, beat: bool) -> bool:
        if beat:
            with self._runtime.database.transaction() as session:
                return lifecycle.extend(session, self._held, lease_seconds=self._runtime.settings.lease_seconds)
        with self._runtime.database.reading() as session:
            return lifecycle.cancel_requested(session, self._held)
