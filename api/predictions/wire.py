"""The shortcut of predictions: from the bytes of a connection straight to the batch, and back.

A prediction of a small box costs a tenth of a millisecond, and the usual way to it (a parser in callbacks, a task, a
scope, messages, nine layers of middleware, a route) three times that. So a plain `POST /v1/boxes/{id}/predict` or
`/distill` of which all is known is answered here. Everything else goes the usual way untouched, and so does
whatever turns out to be wrong: nothing is decided here. `docs/decisions/0007-the-shortcut-of-predictions.md` has the
numbers.
"""

import asyncio
import time
from functools import lru_cache
from itertools import count
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import from_service_error
from api.middleware import SECURITY_HEADERS
from api.predictions.questions import Question
from api.predictions.remembering import Found, Heads, Known, Proxies
from api.predictions.tickets import Reply
from sdb_service.errors import Malformed, ServiceError
from sdb_service.ids import new_id
from sdb_service.logs import request_id

_SECURITY = "".join(f"{name.lower()}: {value}\r\n" for name, value in SECURITY_HEADERS.items()).encode()
_HEAD = (
    b"HTTP/1.1 200 OK\r\n%b" + _SECURITY + b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
    b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n%b\r\n"
)


class PredictionProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which answers plain predictions itself."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        is_plain = self.limit_concurrency is None and not self.root_path
        self._heads: Heads | None = self.app_state.get("heads") if is_plain else None
        is_believing = self.config.proxy_headers
        self._proxies = _proxies(_joined(self.config.forwarded_allow_ips)) if is_believing else None
        self._is_between = True  # requests: the parser holds no half of one
        self._found: Found | None = None
        self._head = b""
        self._parts: list[bytes] = []  # of the body of a plain prediction that has not come whole yet
        self._missing = 0
        self._rested = 0.0
        self._rest: asyncio.TimerHandle | None = None
        self._lines_of: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def data_received(self, data: bytes) -> None:
        if self._parts:
            self._continue(data)
            return
        cycle = self.cycle
        is_free = self._is_between and (cycle is None or cycle.response_complete)
        if not (is_free and self._heads is not None and self._begins(data, self._heads)):
            super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words, in plain text
        """What is no HTTP is answered with a problem like all else, and the connection ends."""
        error = Malformed(
            "http_invalid", "This is no HTTP/1.1 request; check that Content-Length is the length of the body."
        )
        self.transport.write(_refusal(error, self.common_lines(), _fresh_id(), b"connection: close\r\n"))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: Any = self.cycle
        super().connection_lost(exc)
        if isinstance(cycle, _Exchange) and cycle.question is not None:
            cycle.question.is_gone = True
        if self._rest is not None:
            self._rest.cancel()

    def _begins(self, data: bytes, heads: Heads) -> bool:
        """Whether `data` is a plain prediction, or the beginning of one; it is taken care of then."""
        found = heads.find(data, self.client[0] if self.client else "unknown", self._proxies)
        if found is None or len(data) > found.end:
            return False
        head, body = data[: found.start], data[found.start :]
        if len(data) == found.end:
            return self._answers(found, body)
        self._found, self._head, self._parts, self._missing = found, head, [body], found.end - len(data)
        self._unset_keepalive_if_required()
        return True

    def _continue(self, data: bytes) -> None:
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        body, found = b"".join(self._parts), self._found
        self._parts, self._found = [], None
        # A body that took its time is judged anew: what the head stood for may have been taken back meanwhile.
        is_known = found is not None and self._missing == 0 and found.known.until > time.monotonic()
        if found is None or not is_known or not self._answers(found, body):
            super().data_received(self._head + body)

    def _answers(self, found: Found, body: bytes) -> bool:
        """Whether the prediction is being answered."""
        known = found.known
        exchange = _Exchange(self, known)
        question = known.lane.answer_now(known.ticket, known.loaded, body, exchange.answer)
        if question is None:
            return False
        exchange.question = question
        self._unset_keepalive_if_required()
        self.cycle = exchange  # type: ignore[assignment]
        return True

    def common_lines(self) -> bytes:
        """The header lines that uvicorn puts into every answer; it makes them anew once a second."""
        headers = self.server_state.default_headers
        if headers is not self._lines_of:
            self._lines_of, self._lines = headers, _lines(headers)
        return self._lines

    def rest(self) -> None:
        """After an answer: begin with what has been pipelined, or wait for the next request for so long.

        One timer serves the connection, and finds out when it goes off whether the silence was long enough.
        """
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._rested = self.loop.time()
        if self._rest is None:
            self._rest = self.loop.call_later(self.timeout_keep_alive, self._rest_over)

    def _rest_over(self) -> None:
        self._rest = None
        if not isinstance(self.cycle, _Exchange) or not self._is_between:
            return  # uvicorn's own timers see to it
        left = self._rested + self.timeout_keep_alive - self.loop.time()
        if left <= 0 and self.cycle.response_complete and not self._parts:
            self.timeout_keep_alive_handler()
        else:
            self._rest = self.loop.call_later(max(left, 0.1), self._rest_over)


def _joined(trusted: list[str] | str) -> str:
    return trusted if isinstance(trusted, str) else ",".join(trusted)


@lru_cache(8)
def _proxies(trusted: str) -> Proxies:
    nowhere: Any = None
    return ProxyHeadersMiddleware(nowhere, trusted).trusted_hosts


class _NobodyWaits:
    def set(self) -> None:
        """uvicorn wakes the task of a cycle when its connection is lost; an exchange has none."""


_NOBODY = _NobodyWaits()


class _Exchange:
    """One prediction on a connection, in the place of uvicorn's cycle, of which it has what the protocol looks at."""

    message_event = _NOBODY

    def __init__(self, protocol: PredictionProtocol, known: Known) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = known.keep_alive
        self._protocol = protocol
        self._request_id = known.request_id
        self.question: Question | None = None  # until it is answered

    def answer(self, found: Reply | ServiceError) -> None:
        """Write the answer; the connection is free for the next request."""
        self.response_complete = True
        self.question = None  # which holds this exchange: the two would keep each other and the images alive
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        name = self._request_id or _fresh_id()
        end = b"" if self.keep_alive else b"connection: close\r\n"
        protocol.transport.write(_answer(found, protocol.common_lines(), name, end))
        if self.keep_alive:
            protocol.rest()
        else:
            protocol.transport.close()


_START_OF_IDS = new_id("req")[:22].encode()
_NUMBERS = count()


def _fresh_id() -> bytes:
    return b"%b%08x" % (_START_OF_IDS, next(_NUMBERS))


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def _answer(found: Reply | ServiceError, common: bytes, name: bytes, end: bytes) -> bytes:
    if isinstance(found, ServiceError):
        return _refusal(found, common, name, end)
    budget, body = found.budget, found.body
    kind = found.media_type.encode()
    return _HEAD % (common, kind, len(body), name, budget.limit, budget.left, budget.reset, end) + body


def _refusal(error: ServiceError, common: bytes, name: bytes, end: bytes) -> bytes:
    """A problem, as the usual way would answer it."""
    token = request_id.set(name.decode())
    try:
        answer = from_service_error(error)
    finally:
        request_id.reset(token)
    start = b"HTTP/1.1 %d \r\n%b%bx-request-id: %b\r\n%b" % (answer.status_code, common, _SECURITY, name, end)
    return start + _lines(answer.raw_headers) + b"\r\n" + bytes(answer.body)
