"""A load generator for HTTP servers: keep-alive connections that ask again as soon as they are answered.

It writes prepared bytes and reads no more of an answer than its status and length, so that it costs a tenth of what
the servers under test do, and one core of its own is enough for it.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import uvloop


@dataclass(frozen=True)
class Request:
    """What is asked: one address, and bodies of which each connection takes one after the other."""

    path: str
    bodies: Sequence[bytes]
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()

    def prepared(self, port: int) -> list[bytes]:
        """Whole requests, head and body."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Type: {self.content_type}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers)])
        return [f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in self.bodies]


@dataclass(frozen=True)
class Outcome:
    """What came of it. `latencies` in seconds, of good answers alone; `statuses` counts all."""

    latencies: list[float]
    statuses: dict[int, int]
    seconds: float
    example: bytes  # the first answer


def ask_for(seconds: float, request: Request, *, port: int, connections: int, seed: int = 0) -> Outcome:
    """Ask with so many connections for so long."""
    return uvloop.run(_asked(seconds, request, port, connections, seed))


async def _asked(seconds: float, request: Request, port: int, connections: int, seed: int) -> Outcome:
    loop, run = asyncio.get_running_loop(), _Run(time.perf_counter() + seconds, connections)
    prepared, dice = request.prepared(port), random.Random(seed)
    started = time.perf_counter()
    loop.call_soon(_stay_awake, loop, run)
    for _ in range(connections):
        order = dice.sample(prepared, len(prepared))
        await loop.create_connection(lambda order=order: _Connection(run, order), "127.0.0.1", port)  # type: ignore[misc]
    await run.finished.wait()
    return Outcome(run.latencies, run.statuses, time.perf_counter() - started, run.example)


def _stay_awake(loop: asyncio.AbstractEventLoop, run: "_Run") -> None:
    # Asleep, it would have to be woken with every answer, and the server under test would pay for it.
    if not run.finished.is_set():
        loop.call_soon(_stay_awake, loop, run)


class _Run:
    def __init__(self, end: float, connections: int) -> None:
        self.end = end
        self.open = connections
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.example = b""
        self.finished = asyncio.Event()


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, requests: list[bytes]) -> None:
        self._run, self._requests = run, requests
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
        self._transport.write(self._requests[self._turn % len(self._requests)])
        self._turn += 1

    def _answered(self) -> None:
        run, now = self._run, time.perf_counter()
        run.statuses[self._status] = run.statuses.get(self._status, 0) + 1
        if self._status == 200:
            run.latencies.append(now - self._sent)
        run.example = run.example or b"".join(self._parts)
        if now < run.end:
            self._ask()
        else:
            self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError(f"an answer without a length: {head[:200]!r}")
