"""Rate limits: a minute that slides, for each token, each account and each address, told in headers."""

import hashlib
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import from_service_error
from sdb_service import credentials
from sdb_service.errors import TooManyRequests, Unauthenticated
from sdb_service.networks import network_of
from sdb_service.settings import Settings

log = logging.getLogger(__name__)

COUNT_ACCOUNT = "sdb_count_account"  # of the scope: called once it is known whose request this is

_FREE = ("/healthz", "/readyz", "/metrics", "/dashboard/static/", "/v2/health/")
_COUNTED_BY_IMAGE = ("/predict", "/distill", "/infer")  # see api/predictions/budgets.py
_MINUTE = 60
_STORE_SECONDS = 0.25  # for an answer of the shared store; the event loop waits for it
_LOCAL_SECONDS = 5.0  # counted here after the shared store failed, before it is asked again
_KNOWN_TOKENS = 10_000


@dataclass(frozen=True)
class Window:
    """How one who asks stands: so many of `limit` are left, and one more is free in `wait` seconds."""

    kind: str
    limit: int
    left: int
    wait: int
    allowed: bool


class Counters:
    """Requests of the last minute: in Redis for all processes, and here while that is away.

    A window slides: the minute before counts by the part of it that still lies within the last 60 s, so that nobody
    gets twice the limit around the full minute.
    """

    def __init__(self, url: str) -> None:
        self._local = MemoryStorage()
        self._shared: Any = self._local
        if url:
            options = {"socket_timeout": _STORE_SECONDS, "socket_connect_timeout": _STORE_SECONDS}
            self._shared = storage_from_string(url, wrap_exceptions=True, **options)
        self._local_until = 0.0

    def hit(self, kind: str, who: str, limit: int, *, cost: int = 1) -> Window:
        """Count a request, or, at no cost, only look."""
        item = RateLimitItemPerMinute(limit)
        if self._shared is not self._local and time.monotonic() >= self._local_until:
            try:
                return _hit(self._shared, item, kind, who, cost)
            except StorageError:
                self._local_until = time.monotonic() + _LOCAL_SECONDS
                log.warning("requests are counted by this process alone: the shared store does not answer")
        return _hit(self._local, item, kind, who, cost)


class RateLimit:
    """Counts requests and refuses those over a limit with 429 and `Retry-After`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._settings = settings
        shared = settings.broker_url.startswith(("redis://", "rediss://"))
        self._counters = Counters(settings.broker_url if shared else "")
        self._good: OrderedDict[str, None] = OrderedDict()  # tokens that worked when they were last sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_free(scope["path"]):
            await self.app(scope, receive, send)
            return
        token, address = _token(scope), address_group(scope)
        windows = [self._first(token, address)]

        def count_account(account_id: str) -> None:
            limit = self._settings.account_requests_per_minute
            windows.append(self._counters.hit("account", account_id, limit))
            _require(windows[-1])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if token is not None:
                    self._note(token, address, works=message["status"] != 401)
                MutableHeaders(scope=message).update(_headers(windows))
            await send(message)

        scope[COUNT_ACCOUNT] = count_account
        try:
            _require(windows[0])
        except TooManyRequests as error:
            await from_service_error(error)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def _first(self, token: str | None, address: str) -> Window:
        """The window that is known before anything is looked up.

        A token that is not known to work counts for its address too, once refused: made-up ones have no fresh limit.
        """
        limit = self._settings.requests_per_minute
        if token is None:
            return self._counters.hit("address", address, limit)
        if token not in self._good:
            found = self._counters.hit("address", address, limit, cost=0)
            if not found.allowed:
                return found
        return self._counters.hit("token", token, limit)

    def _note(self, token: str, address: str, *, works: bool) -> None:
        if not works:
            self._good.pop(token, None)
            self._counters.hit("address", address, self._settings.requests_per_minute)
            return
        self._good[token] = None
        self._good.move_to_end(token)
        if len(self._good) > _KNOWN_TOKENS:
            self._good.popitem(last=False)


def address_group(scope: Scope) -> str:
    """Who counts as one address, see `network_of`."""
    client = scope.get("client")
    return network_of(client[0] if client else None)


def _hit(storage: MemoryStorage, item: RateLimitItem, kind: str, who: str, cost: int) -> Window:
    key, limit = item.key_for(kind, who), item.amount
    taken = storage.acquire_sliding_window_entry(key, limit, _MINUTE, cost) if cost else True
    before, before_ends, now, now_ends = storage.get_sliding_window(key, _MINUTE)
    used = before * before_ends / _MINUTE + now
    left = max(0, limit - math.floor(used))
    allowed = taken if cost else left > 0
    wait = _wait(limit, before, before_ends, now, now_ends) if not allowed or left == 0 else 0
    return Window(kind, limit, left, wait, allowed)


def _wait(limit: int, before: int, before_ends: float, now: int, now_ends: float) -> int:
    """Seconds until one more request fits, were nothing sent till then.

    The part of the minute before shrinks first; where that does not suffice, this minute becomes the one before (in
    `now_ends` less a minute) and shrinks in its turn.
    """
    room = limit - 1
    if now <= room and before:
        free = before_ends - (room + 1 - now) * _MINUTE / before
        return max(1, math.ceil(free))
    turn = max(0.0, now_ends - _MINUTE)
    shrunk = _MINUTE - (room + 1) * _MINUTE / now if now > room else 0.0
    return max(1, math.ceil(turn + max(0.0, shrunk)))


def _require(window: Window) -> None:
    if not window.allowed:
        sentence = f"Too many requests of this {window.kind}; wait {window.wait} s."
        raise TooManyRequests("rate_limited", sentence, retry_after=window.wait)


def _headers(windows: list[Window]) -> dict[str, str]:
    """The tightest window in the words that most clients know, and all of them as the IETF's draft has it."""
    least = min(windows, key=lambda window: (window.allowed, window.left))
    return {
        "X-RateLimit-Limit": str(least.limit),
        "X-RateLimit-Remaining": str(least.left),
        "X-RateLimit-Reset": str(int(time.time()) + (least.wait or _MINUTE)),
        "RateLimit-Policy": ", ".join(f'"{window.kind}";q={window.limit};w={_MINUTE}' for window in windows),
        "RateLimit": ", ".join(f'"{window.kind}";r={window.left};t={window.wait or _MINUTE}' for window in windows),
    }


def _is_free(path: str) -> bool:
    return path.startswith(_FREE) or path.endswith(_COUNTED_BY_IMAGE)


def _token(scope: Scope) -> str | None:
    """The hash of what could be a token; whoever sends another header is counted by address."""
    scheme, _, text = Headers(scope=scope).get("authorization", "").partition(" ")
    try:
        credentials.require_well_formed(text.strip(), "sdb" if scheme.lower() == "bearer" else "")
    except Unauthenticated:
        return None
    return hashlib.sha256(text.strip().encode()).hexdigest()
