"""Heads of requests that were seen before, so that the same head is not parsed, looked up and judged each time."""

import asyncio
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Protocol

import httptools

from api.middleware import SANE_ID
from api.predictions.lane import Lane
from api.predictions.sessions import LoadedBox
from api.predictions.tickets import Head, Kind, Ticket

_START = b"POST /v1/boxes/"
_TOKEN = b"uthorization"
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d{1,7})(?=\r\n)")
_ADDRESS = re.compile(rb"/v1/boxes/(box_[0-9a-z]{1,40})/(predict|distill)(?:\?(.*))?")
_PLAIN = frozenset(
    {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type"}
    | {b"authorization", b"x-request-id", b"cookie", b"referer", b"origin", b"traceparent", b"tracestate"}
    | {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip"}
)
_LARGEST = 4 * 2**20  # bytes of a request; larger ones are read with pauses, the usual way
_REMEMBERED = 0.25  # seconds; what a ticket rests on may end it sooner
_MOST_REMEMBERED = 10_000


class Proxies(Protocol):
    """Uvicorn's list of the proxies that it believes."""

    def __contains__(self, host: str) -> bool: ...

    def get_trusted_client_address(self, x_forwarded_for: str) -> tuple[str, int]: ...


@dataclass(slots=True)
class Known:
    """What a head stands for."""

    lane: Lane
    ticket: Ticket
    loaded: LoadedBox
    keep_alive: bool
    request_id: bytes | None
    until: float


@dataclass(slots=True)
class Found:
    """A known head in the bytes of a connection, and where its body lies."""

    known: Known
    start: int
    end: int


class Heads:
    """Plain predictions by their head.

    A head is remembered as the bytes that came, without the digits of its length, and only after the server's own
    parser has read it: what is found here later is read as the parser would read it, since it is the same.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._heads: dict[tuple[bytes, str], Known] = {}
        self._secret = secrets.token_bytes(32)
        self._generation = 0
        self._sweep: asyncio.TimerHandle | None = None
        lane.on_forgetting.append(self._forget)

    def find(self, data: bytes, address: str, proxies: Proxies | None = None) -> Found | None:
        """The head at the beginning of `data`, if it is a plain prediction of which all is known.

        `address` is the other end of the connection; if it is one of the `proxies`, the caller is whom it names.
        """
        if not data.startswith(_START):
            return None
        end = data.find(_END)
        length = _LENGTH.search(data, 0, end + 2) if end > 0 else None
        if length is None:
            return None
        head = data[: length.start(1)] + data[length.end(1) : end]
        if _TOKEN in head:  # tokens are not kept as they are: a digest tells heads apart as well
            head = hmac.digest(self._secret, head, "sha256")
        key = head, address
        known = self._heads.get(key)
        if known is None or known.until < time.monotonic():
            known = self._learn(key, data[: end + 4], address, proxies)
            if known is None:
                return None
        whole = end + 4 + int(length[1])
        return Found(known, end + 4, whole) if whole <= _LARGEST else None

    def _learn(self, key: tuple[bytes, str], head: bytes, address: str, proxies: Proxies | None) -> Known | None:
        read = _Reader.read(head)
        if read is None:
            return None
        named = read.headers.get(b"x-forwarded-for")
        if named is not None and proxies is not None and address in proxies:
            address = proxies.get_trusted_client_address(named.decode("latin-1"))[0] or address
        generation = self._generation
        granted = self.lane.admit_now(read.head(address), read.query)
        if granted is None:
            return None
        ticket, until = granted
        loaded = self.lane.sessions.peek(ticket.standing.box)
        if loaded is None:
            return None
        if len(self._heads) >= _MOST_REMEMBERED:
            self._heads.clear()
        offered = read.headers.get(b"x-request-id")
        is_sane = offered is not None and SANE_ID.fullmatch(offered.decode("latin-1")) is not None
        until = min(until, time.monotonic() + _REMEMBERED)
        self._heads[key] = known = Known(
            self.lane, ticket, loaded, read.keep_alive, offered if is_sane else None, until
        )
        if generation != self._generation:  # another thread has just made all of it forgotten
            self._heads.pop(key, None)
            return None
        self._sweep_later()
        return known

    def _sweep_later(self) -> None:
        # A head that does not come again must not keep its box in memory; and with none kept no timer runs.
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(4 * _REMEMBERED, self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweep = None
        now = time.monotonic()
        for key in [key for key, known in self._heads.items() if known.until < now]:
            self._heads.pop(key, None)
        if self._heads:
            self._sweep_later()

    def _forget(self) -> None:
        self._generation += 1  # first: whoever is learning meanwhile must not keep it
        self._heads.clear()


class _Reader:
    """One head, read by the parser that the server itself uses."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.names = 0
        self.keep_alive = False
        self.box_id = self.query = b""
        self.kind: Kind = "predict"

    @classmethod
    def read(cls, head: bytes) -> "_Reader | None":
        """The head, if it is that of a plain prediction: HTTP/1.1, no header twice, and none that asks for more."""
        reader = cls()
        parser = httptools.HttpRequestParser(reader)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        address = _ADDRESS.fullmatch(reader.url)
        is_plain = len(reader.headers) == reader.names and reader.headers.keys() <= _PLAIN
        if address is None or not is_plain or parser.get_http_version() != "1.1":
            return None
        reader.box_id, reader.query = address[1], address[3] or b""
        reader.kind = "predict" if address[2] == b"predict" else "distill"
        reader.keep_alive = parser.should_keep_alive()
        return reader

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value
        self.names += 1

    def head(self, address: str) -> Head:
        return Head(
            kind=self.kind,
            box_id=self.box_id.decode(),
            token=_bearer(self.headers.get(b"authorization")),
            content_type=self.headers.get(b"content-type", b"").decode("latin-1"),
            accept=self.headers.get(b"accept", b"").decode("latin-1"),
            address=address,
        )


def _bearer(authorization: bytes | None) -> str | None:
    scheme, _, text = (authorization or b"").decode("latin-1").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None
