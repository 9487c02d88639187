"""The service under uvicorn with the shortcut of predictions, and raw bytes to it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from api.predictions.wire import PredictionProtocol
from tests.api.networks import NPY
from tests.api.seeding import House, Person


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def status_code(self) -> int:
        return self.status

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wired:
    """A running server, and how often its shortcut answered."""

    port: int
    taken: list[str] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, *requests: bytes) -> list[Answer]:
        """Send whole requests one after the other on one connection, each once the last is answered."""
        with self.connect() as wire:
            answers = []
            for request in requests:
                wire.sendall(request)
                answers.append(read(wire))
            return answers


@contextmanager
def wired(house: House, **options: Any) -> Iterator[Wired]:
    """Serve the house's application on a free port."""
    app: Any = house.http.app
    config = uvicorn.Config(
        app, http=PredictionProtocol, log_config=None, access_log=False, server_header=False, **options
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        found = Wired(listening.getsockname()[1])
        server = uvicorn.Server(config)
        config.load()
        thread = threading.Thread(target=_serve, args=(server, listening, app.state.heads))
        lane = app.state.lane
        answer_now = lane.answer_now

        def counted(ticket: Any, *given: Any) -> Any:
            question = answer_now(ticket, *given)
            if question is not None:
                found.taken.append(ticket.kind)
            return question

        lane.answer_now = counted
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            lane.answer_now = answer_now


def _serve(server: uvicorn.Server, listening: socket.socket, heads: Any) -> None:
    server.config.lifespan_class = _state_of({"heads": heads})
    server.run(sockets=[listening])


def _state_of(state: dict[str, Any]) -> Any:
    """In the place of a lifespan, which the house's test client has run already."""

    class Known:
        def __init__(self, _config: Any) -> None:
            self.should_exit = False
            self.state = state

        async def startup(self) -> None: ...

        async def shutdown(self) -> None: ...

    return Known


def request(
    box: str,
    body: bytes,
    kind: str = NPY,
    *,
    who: Person | None = None,
    act: str = "predict",
    query: str = "",
    lines: tuple[str, ...] = (),
    length: int | None = None,
) -> bytes:
    """A whole request as bytes."""
    named = [f"{name}: {value}" for name, value in (who.headers if who else {}).items()]
    head = [f"POST /v1/boxes/{box}/{act}{query} HTTP/1.1", "Host: here", f"Content-Type: {kind}", *named, *lines]
    size = len(body) if length is None else length
    return "\r\n".join([*head, f"Content-Length: {size}", "", ""]).encode() + body


def read(wire: socket.socket) -> Answer:
    """The next answer on a connection, and nothing of what follows it."""
    with wire.makefile("rb", buffering=0) as file:
        first, *lines = iter(lambda: file.readline().decode("latin-1").rstrip("\r\n"), "")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(headers) == len(lines), lines
        body = b""
        while len(body) < int(headers["content-length"]):
            part = file.read(int(headers["content-length"]) - len(body))
            assert part, "the server has closed the connection"
            body += part
        return Answer(int(first.split()[1]), headers, body)
