"""A load generator for HTTP servers: keep-alive connections that ask again as soon as they are answered.

It writes prepared bytes and reads no more of an answer than its status and length, so that it costs a tenth of what
the servers under test do, and one core of its own is enough for it.
"""

import asyncio
import math
import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import uvloop

_LOOK = 0.005  # seconds between two looks whether a process has ended
_SETTLING = 0.5  # seconds in which neighbours come into step before anybody joins them


class Asks(Protocol):
    """What is asked."""

    def prepared(self, port: int) -> list[bytes]:
        """Whole requests, head and body; each connection takes one after the other, in an order of its own."""


@dataclass(frozen=True)
class Request:
    """One address, and the bodies sent to it."""

    path: str
    bodies: Sequence[bytes]
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()

    def prepared(self, port: int) -> list[bytes]:
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Type: {self.content_type}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers)]).encode("latin-1")
        return [head + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in self.bodies]


@dataclass(frozen=True)
class Several:
    """Requests to several addresses, as one list."""

    requests: Sequence[Request]

    def prepared(self, port: int) -> list[bytes]:
        return [whole for request in self.requests for whole in request.prepared(port)]


@dataclass(frozen=True)
class Outcome:
    """What came of it. `latencies` in seconds, of good answers alone; `statuses` counts all."""

    latencies: list[float]
    statuses: dict[int, int]
    seconds: float
    example: bytes  # the first answer
    answers: list[tuple[int, bytes]] = field(default_factory=list)  # if kept: which request, and its whole answer


def ask_for(
    seconds: float,
    request: Asks,
    *,
    port: int,
    connections: int,
    seed: int = 0,
    is_keeping: bool = False,
    is_polling: bool = True,
) -> Outcome:
    """Ask with so many connections for so long; with 0 seconds each of them asks once.

    `is_polling` keeps the generator awake between answers: with a core of its own it should be, and must not be where
    it shares one with the server.
    """
    return uvloop.run(_asked(seconds, request, port, connections, seed, is_keeping=is_keeping, is_polling=is_polling))


def polling_while(process: "subprocess.Popen[bytes]") -> None:
    """Poll, as the generator does between answers, until `process` has ended.

    What has no client of its own then has the same neighbour as what has one; measured, it makes no difference.
    """
    uvloop.run(_polling_while(process))


def ask_beside(request: Asks, other: Asks, *, port: int, connections: int, seed: int = 0) -> tuple[Outcome, Outcome]:
    """Ask while one more connection sends each of the `other` requests once, as fast as it is answered.

    The first outcome, of `request`, is of just that time.
    """
    return uvloop.run(_asked_beside(request, other, port, connections, seed))


async def _asked(
    seconds: float, request: Asks, port: int, connections: int, seed: int, *, is_keeping: bool, is_polling: bool
) -> Outcome:
    run = _Run(request.prepared(port), connections, end=time.perf_counter() + seconds, is_keeping=is_keeping)
    started = time.perf_counter()
    if is_polling:
        _stay_awake(run.finished)
    await run.connect(port, seed)
    await run.finished.wait()
    return run.outcome(time.perf_counter() - started)


async def _asked_beside(request: Asks, other: Asks, port: int, connections: int, seed: int) -> tuple[Outcome, Outcome]:
    neighbours = _Run(request.prepared(port), connections)
    others = _Run(other.prepared(port), 1, is_once=True)
    _stay_awake(neighbours.finished)
    await neighbours.connect(port, seed)
    await asyncio.sleep(_SETTLING)
    neighbours.latencies, neighbours.statuses = [], {}
    started = time.perf_counter()
    await others.connect(port, seed)
    await others.finished.wait()
    seconds = time.perf_counter() - started
    outcomes = neighbours.outcome(seconds), others.outcome(seconds)
    neighbours.latencies, neighbours.statuses, neighbours.end = [], {}, 0.0
    await neighbours.finished.wait()
    return outcomes


async def _polling_while(process: "subprocess.Popen[bytes]") -> None:
    finished = asyncio.Event()
    _stay_awake(finished)
    while process.poll() is None:
        await asyncio.sleep(_LOOK)
    finished.set()


def _stay_awake(finished: asyncio.Event) -> None:
    # Asleep, it would have to be woken with every answer, and the server under test would pay for it.
    if not finished.is_set():
        asyncio.get_running_loop().call_soon(_stay_awake, finished)


class _Run:
    def __init__(
        self,
        requests: list[bytes],
        connections: int,
        *,
        end: float = math.inf,
        is_once: bool = False,
        is_keeping: bool = False,
    ) -> None:
        self.requests, self.is_once, self.is_keeping = requests, is_once, is_keeping
        self.end = end
        self.open = connections
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.example = b""
        self.answers: list[tuple[int, bytes]] = []
        self.finished = asyncio.Event()

    async def connect(self, port: int, seed: int) -> None:
        loop, dice, places = asyncio.get_running_loop(), random.Random(seed), range(len(self.requests))
        for _ in range(self.open):
            order = dice.sample(places, len(places))
            await loop.create_connection(lambda order=order: _Connection(self, order), "127.0.0.1", port)  # type: ignore[misc]

    def outcome(self, seconds: float) -> Outcome:
        return Outcome(self.latencies, self.statuses, seconds, self.example, self.answers)


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, order: list[int]) -> None:
        self._run, self._order = run, order
        self._turn, self._sent = 0, 0.0
        self._parts: list[bytes] = []
        self._missing = -1  # bytes of the answer; -1 before its head is whole
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            data = b"".join([*self._parts, data])
            self._parts = [data]
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._status = int(data[9:12])
            self._missing = _content_length(data[:end]) + end + 4 - len(data)
        else:
            self._parts.append(data)
            self._missing -= len(data)
        if self._missing <= 0:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.open -= 1
        if exc is not None:
            self._run.statuses[0] = self._run.statuses.get(0, 0) + 1
        if self._run.open == 0:
            self._run.finished.set()

    def _ask(self) -> None:
        self._parts, self._missing = [], -1
        self._sent = time.perf_counter()
        self._transport.write(self._run.requests[self._order[self._turn % len(self._order)]])
        self._turn += 1

    def _answered(self) -> None:
        run, now = self._run, time.perf_counter()
        run.statuses[self._status] = run.statuses.get(self._status, 0) + 1
        if self._status == 200:
            run.latencies.append(now - self._sent)
        if run.is_keeping:
            run.answers.append((self._order[(self._turn - 1) % len(self._order)], b"".join(self._parts)))
        run.example = run.example or b"".join(self._parts)
        is_over = self._turn == len(self._order) if run.is_once else now >= run.end
        if is_over:
            self._transport.close()
        else:
            self._ask()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError(f"an answer without a length: {head[:200]!r}")
