"""Rate limits: a fixed window for each token, or for each address where there is none, told in headers."""

import hashlib
import logging
import time

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import from_service_error
from sdb_service import credentials
from sdb_service.errors import TooManyRequests, Unauthenticated
from sdb_service.settings import Settings

log = logging.getLogger(__name__)

_FREE = ("/healthz", "/readyz", "/metrics", "/dashboard/static/", "/v2/health/")
_COUNTED_BY_IMAGE = ("/predict", "/distill", "/infer")  # see api/predictions/budgets.py


class RateLimit:
    """Counts requests and refuses those over the limit with 429 and `Retry-After`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._item = RateLimitItemPerMinute(settings.requests_per_minute)
        shared = settings.broker_url if settings.broker_url.startswith(("redis://", "rediss://")) else "memory://"
        self._limiter = FixedWindowRateLimiter(storage_from_string(shared, wrap_exceptions=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_free(scope["path"]):
            await self.app(scope, receive, send)
            return
        who = _who(scope)
        try:
            allowed = self._limiter.hit(self._item, who)
            window = self._limiter.get_window_stats(self._item, who)
        except StorageError:
            log.warning("requests are not counted: the store of the counters does not answer")
            await self.app(scope, receive, send)
            return
        headers = {
            "X-RateLimit-Limit": str(self._item.amount),
            "X-RateLimit-Remaining": str(max(0, window.remaining)),
            "X-RateLimit-Reset": str(int(window.reset_time)),
        }

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        if allowed:
            await self.app(scope, receive, send_with_headers)
            return
        wait = max(1, int(window.reset_time - time.time()) + 1)
        error = TooManyRequests("rate_limited", f"Too many requests; wait {wait} s.", retry_after=wait)
        await from_service_error(error)(scope, receive, send_with_headers)


def _is_free(path: str) -> bool:
    return path.startswith(_FREE) or path.endswith(_COUNTED_BY_IMAGE)


def _who(scope: Scope) -> str:
    # Only what could be a token has a limit of its own: whoever makes up another header would get a fresh one.
    scheme, _, text = Headers(scope=scope).get("authorization", "").partition(" ")
    try:
        credentials.require_well_formed(text.strip(), "sdb" if scheme.lower() == "bearer" else "")
    except Unauthenticated:
        client = scope.get("client")
        return client[0] if client else "unknown"
    return hashlib.sha256(text.strip().encode()).hexdigest()
