"""Sending files in parts, and requests that no client library would send."""

import hashlib
from collections.abc import Iterable
from typing import Any

import anyio
from httpx2 import Response

from tests.api.seeding import House, Person


def begin(house: House, who: Person, content: bytes, **changes: Any) -> dict[str, Any]:
    body = {"filename": "x.zip", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()} | changes
    answer = house.post(who, "/v1/uploads", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def put(house: House, who: Person, upload: dict[str, Any], number: int, part: bytes, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/v1/uploads/{upload['id']}/parts/{number}"
    return house.http.put(path, content=part, headers=who.headers | named)


def send(house: House, who: Person, upload: dict[str, Any], content: bytes) -> Response:
    """All parts, then complete."""
    size = upload["part_bytes"]
    for number, start in enumerate(range(0, len(content), size), 1):
        assert put(house, who, upload, number, content[start : start + size]).status_code == 200
    return house.post(who, f"/v1/uploads/{upload['id']}/complete")


def stored(house: House, upload: dict[str, Any]) -> list[str]:
    """Every file of this upload in the store, unfinished ones too."""
    return house.runtime.storage.keys(f"uploads/{upload['id']}")


class Sender:
    """One raw request to the application: it counts what of the body was read, and may go away before its end."""

    def __init__(self, house: House, method: str, path: str, headers: dict[str, str]) -> None:
        self._app = house.http.app
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
        }
        self.bytes_read = 0
        self.status: int | None = None

    def send(self, chunks: Iterable[bytes], *, goes_away: bool = False) -> int | None:
        """The status of the answer; None where there was none."""
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        end = {"type": "http.disconnect"} if goes_away else {"type": "http.request", "body": b"", "more_body": False}
        waiting = iter([*messages, end])

        async def receive() -> dict[str, Any]:
            message = next(waiting, {"type": "http.disconnect"})
            self.bytes_read += len(message.get("body", b""))
            return message

        async def reply(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]

        anyio.run(self._app, self._scope, receive, reply)
        return self.status
