"""The shortcut of predictions: from the parser of uvicorn straight to the batch, and back.

A prediction of a small box costs a tenth of a millisecond, and the usual way to it (a task, a scope, messages, nine
layers of middleware, a route) three times that. So a plain `POST /v1/boxes/{id}/predict`, of which all is known, is
answered here. Whatever is not plain goes the usual way from the start, and so does whatever turns out to be wrong:
nothing is decided here. `docs/decisions/0007-the-shortcut-of-predictions.md` has the numbers.
"""

import hmac
import re
import secrets
import time
from itertools import count
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import from_service_error
from api.middleware import SANE_ID, SECURITY_HEADERS
from api.predictions.batching import Question
from api.predictions.lane import Lane
from api.predictions.tickets import Head, Reply, Ticket
from sdb_service.errors import ServiceError
from sdb_service.ids import new_id
from sdb_service.logs import request_id

_START = b"/v1/boxes/"
_ADDRESS = re.compile(rb"/v1/boxes/(box_[0-9a-z]{1,40})/predict(?:\?(.*))?")
_LARGEST = 4 * 2**20  # bytes of a body; larger ones are read with pauses, the usual way
_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"x-forwarded-for", b"content-encoding"})
_REMEMBERED = 0.25  # seconds that a ticket serves requests with the same head
_MOST_REMEMBERED = 10_000
_SECURITY = "".join(f"{name.lower()}: {value}\r\n" for name, value in SECURITY_HEADERS.items()).encode()
_HEAD = (
    b"HTTP/1.1 200 OK\r\n%b" + _SECURITY + b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
    b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n%b\r\n"
)


class Tickets:
    """Tickets by the head of the request, so that all but the first of a kind cost one look."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._tickets: dict[tuple[bytes | None, ...], tuple[Ticket, float]] = {}
        self._secret = secrets.token_bytes(32)
        lane.on_forgetting.append(self._tickets.clear)

    def find(self, url: bytes, headers: dict[bytes, bytes], address: str) -> Ticket | None:
        """The ticket of a plain prediction; None for whatever else this is."""
        token = headers.get(b"authorization")
        if token is not None:  # tokens are not kept as they are: a digest tells them apart as well
            token = hmac.digest(self._secret, token, "sha256")
        key = (url, token, headers.get(b"content-type"), headers.get(b"accept"), address.encode())
        found = self._tickets.get(key)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        return self._ask(key, url, headers, address)

    def _ask(
        self, key: tuple[bytes | None, ...], url: bytes, headers: dict[bytes, bytes], address: str
    ) -> Ticket | None:
        parts = _ADDRESS.fullmatch(url)
        if parts is None:
            return None
        head = Head(
            kind="predict",
            box_id=parts[1].decode(),
            token=_bearer(headers.get(b"authorization")),
            content_type=headers.get(b"content-type", b"").decode("latin-1"),
            accept=headers.get(b"accept", b"").decode("latin-1"),
            address=address,
        )
        granted = self.lane.admit_now(head, parts[2] or b"")
        if granted is None:
            return None
        ticket, until = granted
        if len(self._tickets) >= _MOST_REMEMBERED:
            self._tickets.clear()
        self._tickets[key] = ticket, min(until, time.monotonic() + _REMEMBERED)
        return ticket


class PredictionProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which answers plain predictions itself."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tickets: Tickets | None = self.app_state.get("tickets")
        self._exchange: _Exchange | None = None
        self._lines_of: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def on_message_begin(self) -> None:
        self._exchange = None
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self.url.startswith(_START) and self._tickets is not None:
            self._exchange = self._plain_prediction(self._tickets)
        if self._exchange is None:
            self._take_the_usual_way()

    def on_body(self, body: bytes) -> None:
        if self._exchange is None:
            super().on_body(body)
        else:
            self._exchange.body = self._exchange.body + body if self._exchange.body else body

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is None or self._tickets is None:
            super().on_message_complete()
            return
        self._exchange = None
        body, exchange.body = exchange.body, b""
        exchange.question = self._tickets.lane.answer_now(exchange.ticket, body, exchange.answer)
        if exchange.question is None:
            self._take_the_usual_way()
            super().on_body(body)
            super().on_message_complete()
        else:
            self.cycle = exchange  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: Any = self.cycle
        super().connection_lost(exc)
        if isinstance(cycle, _Exchange) and cycle.question is not None:
            cycle.question.is_gone = True

    def common_lines(self) -> bytes:
        """The header lines that uvicorn puts into every answer; it makes them anew once a second."""
        headers = self.server_state.default_headers
        if headers is not self._lines_of:
            self._lines_of, self._lines = headers, _lines(headers)
        return self._lines

    def _take_the_usual_way(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _plain_prediction(self, tickets: Tickets) -> "_Exchange | None":
        """The exchange, where this is a plain prediction and the last one on this connection is answered."""
        headers = dict(self.headers)
        if len(headers) != len(self.headers) or not _NOT_PLAIN.isdisjoint(headers) or self.client is None:
            return None
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or int(length) > _LARGEST or not (self.cycle is None or self.cycle.response_complete):
            return None
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        if self.limit_concurrency is not None or self.root_path:
            return None
        ticket = tickets.find(self.url, headers, self.client[0])
        if ticket is None:
            return None
        return _Exchange(self, ticket, headers.get(b"x-request-id"))


class _NobodyWaits:
    def set(self) -> None:
        """uvicorn wakes the task of a cycle when its connection is lost; an exchange has none."""


class _Exchange:
    """One prediction on a connection, in the place of uvicorn's cycle, of which it has what the protocol looks at."""

    __slots__ = (
        "body", "disconnected", "keep_alive", "message_event", "name", "protocol", "question", "response_complete",
        "ticket",
    )  # fmt: skip

    def __init__(self, protocol: PredictionProtocol, ticket: Ticket, name: bytes | None) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = protocol.parser.should_keep_alive()
        self.message_event = _NOBODY
        self.protocol = protocol
        self.ticket = ticket
        self.name = name
        self.body = b""
        self.question: Question | None = None

    def answer(self, found: Reply | ServiceError) -> None:
        """Write the answer; the connection is free for the next request."""
        self.response_complete = True
        protocol = self.protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        end = b"" if self.keep_alive else b"connection: close\r\n"
        protocol.transport.write(_answer(found, protocol.common_lines(), _request_id(self.name), end))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


_NOBODY = _NobodyWaits()


def _bearer(authorization: bytes | None) -> str | None:
    scheme, _, text = (authorization or b"").decode("latin-1").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


_start = new_id("req")[:22].encode()
_numbers = count()


def _request_id(offered: bytes | None) -> bytes:
    if offered is not None and SANE_ID.fullmatch(offered.decode("latin-1")):
        return offered
    return b"%b%08x" % (_start, next(_numbers))


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
