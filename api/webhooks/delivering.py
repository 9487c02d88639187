"""Delivering to webhooks, in threads of the API's processes: they may open the secrets that sign, workers may not.

The rows say what is due, so that any number of processes share the work (see `sdb_service.lifecycle.deliveries`).
At rest it costs one small query every two seconds.
"""

import logging
import threading
import time

from api.webhooks.sending import Outbound
from api.webhooks.signing import open_secret, signed_headers
from sdb_service import clock
from sdb_service.errors import SealBroken
from sdb_service.lifecycle import deliveries
from sdb_service.lifecycle.deliveries import Answered, Sending
from sdb_service.runtime import Runtime

log = logging.getLogger(__name__)

_THREADS = 4  # of a process: so many slow receivers hold up nobody else
_CLEANING_SECONDS = 3600.0


class Deliveries:
    """Looks for what is due, and delivers it."""

    def __init__(self, runtime: Runtime, outbound: Outbound) -> None:
        self._runtime = runtime
        self._outbound = outbound
        self._over = threading.Event()
        self._free = threading.BoundedSemaphore(_THREADS)
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Look for work from now on."""
        self._watcher = threading.Thread(target=self._watch, name="webhooks", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Begin nothing new. What is under way and not recorded is sent again by whoever comes next."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(timeout=5)

    def deliver_one(self) -> bool:
        """Make one attempt to deliver what is due; False where nothing is."""
        with self._runtime.database.transaction() as session:
            sending = deliveries.claim_delivery(session)
        if sending is None:
            return False
        answered = self._send(sending)
        with self._runtime.database.transaction() as session:
            if answered.error is None:
                deliveries.note_delivered(session, sending, answered)
            else:
                days = self._runtime.settings.webhook_failing_days
                deliveries.note_failed(session, sending, answered, failing_days=days)
        return True

    def _send(self, sending: Sending) -> Answered:
        body = sending.body.encode()
        try:
            secret = open_secret(
                sending.sealed,
                account_id=sending.account_id,
                webhook_id=sending.webhook_id,
                keys=self._runtime.keys,
            )
        except SealBroken:
            log.error("the secret of a webhook does not open", extra={"webhook_id": sending.webhook_id})
            return Answered(error="secret_unreadable")
        headers = signed_headers(secret, sending.id, body, timestamp=int(clock.now().timestamp()))
        return self._outbound.post(sending.url, body, headers)

    def _watch(self) -> None:
        cleaned = time.monotonic()
        while not self._over.wait(self._runtime.settings.webhook_poll_seconds):
            try:
                self._look()
                if time.monotonic() - cleaned > _CLEANING_SECONDS:
                    cleaned = time.monotonic()
                    with self._runtime.database.transaction() as session:
                        deliveries.forget_old_deliveries(session)
            except Exception:
                log.exception("the look for webhooks failed; the next one comes")

    def _look(self) -> None:
        """One more thread at each look, while there is work and room."""
        with self._runtime.database.reading() as session:
            if not deliveries.anything_due(session):
                return
        if self._free.acquire(blocking=False):
            threading.Thread(target=self._work_off, name="webhook", daemon=True).start()

    def _work_off(self) -> None:
        try:
            while not self._over.is_set() and self.deliver_one():
                pass
        except Exception:
            log.exception("a delivery broke; it is tried again when its lease is over")
        finally:
            self._free.release()
