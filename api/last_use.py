"""When a token was used last: noted beside requests, never in their way, and at most once a minute for each token."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from sdb_service import clock
from sdb_service.runtime import Runtime
from sdb_service.tables import Token

log = logging.getLogger(__name__)

SECONDS = 60
_MOST = 20_000


class LastUse:
    """One for each process. The times are for people who look for tokens that nobody needs: a lost one is no harm."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._noted: dict[str, float] = {}  # by token, when this process noted it last
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="last-use")

    def note(self, token_id: str | None) -> None:
        """A request came with this token; safe from any thread, and done in a microsecond."""
        now = time.monotonic()
        if token_id is None or self._noted.get(token_id, -SECONDS) > now - SECONDS:
            return
        with self._lock:
            if len(self._noted) >= _MOST:
                self._noted.clear()
            self._noted[token_id] = now
            is_first = not self._waiting
            self._waiting.add(token_id)
        if is_first:
            try:
                self._thread.submit(self._write)
            except RuntimeError:  # the process is ending
                log.debug("the last use of a token is not noted")

    def close(self) -> None:
        """Write what waits, and end."""
        self._thread.shutdown(wait=True)

    def _write(self) -> None:
        with self._lock:
            used, self._waiting = self._waiting, set()
        now = clock.now()
        is_old = or_(Token.last_used_at.is_(None), Token.last_used_at < clock.after(-SECONDS))
        try:
            with self._runtime.database.transaction() as session:
                session.execute(update(Token).where(Token.id.in_(used), is_old).values(last_used_at=now))
        except SQLAlchemyError as error:
            log.warning("the last use of tokens was not noted", extra={"reason": type(error).__name__})
