"""The wire: one HTTP connection pool, errors as exceptions, repeats where they are safe, pages as iterators."""

import json
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from sdb_client.errors import AnswerUnreadable, ConnectionFailed, ProblemError, SDBError, from_answer
from sdb_client.shapes import from_json

Shape = TypeVar("Shape")
Params = Mapping[str, str | int | float | bool]

_ATTEMPTS = 4
_FIRST_PAUSE = 0.2  # seconds, doubled each time
_LONGEST_PAUSE = 5.0


class Wire:
    """What all resources talk through. It knows HTTP and nothing of models or boxes."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        transport: httpx2.BaseTransport | None,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        _require_usable(url, token)
        self.url = url.rstrip("/")
        self.sleep = sleep
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(transport=transport, timeout=timeout)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, *, params: Params | None = None) -> Any:
        """The JSON at `path`."""
        return read_json(self.send("GET", path, params=params))

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST something new. A fresh `Idempotency-Key` makes it safe to repeat after a lost connection."""
        return read_json(self.send("POST", path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex}))

    def act(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """POST an act on something; repeated after a lost connection only where twice does what once does."""
        return read_json(self.send("POST", path, json=body, repeatable=repeatable, timeout=timeout))

    def change(self, path: str, body: Mapping[str, Any]) -> Any:
        """PATCH: set what `body` names; repeated it changes nothing more."""
        return read_json(self.send("PATCH", path, json=body))

    def delete(self, path: str) -> None:
        self.send("DELETE", path)

    def pages(
        self, path: str, shape: type[Shape], *, page_size: int = 100, filters: Params | None = None
    ) -> Iterator[Shape]:
        """Every object of a list, newest first, page after page as they are asked for; `filters` narrow it."""
        params: dict[str, str | int | float | bool] = {**(filters or {}), "limit": page_size}
        while True:
            page = from_json(_Page, self.get(path, params=params))
            for entry in page.data:
                yield from_json(shape, entry)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        timeout: float | httpx2.Timeout | None = None,
    ) -> httpx2.Response:
        """One request, repeated after lost connections and short outages if it is `repeatable`.

        `timeout` in seconds takes the place of the client's own.

        Raises:
            ConnectionFailed: no answer came, also not to the repeats.
            ProblemError: the service answered with an error; its child by status.
        """
        request = self._http.build_request(
            method,
            self.url + path,
            params=params,
            json=json,
            content=content,
            headers=self._signed(headers),
            timeout=httpx2.USE_CLIENT_DEFAULT if timeout is None else timeout,
        )
        return self._repeated(request) if repeatable else self._once(request)

    def send_elsewhere(self, url: str, content: bytes) -> None:
        """PUT bytes to a presigned address of a bucket: the address is the permission, so no token goes there.

        Raises:
            ConnectionFailed, ProblemError: also where the bucket refuses.
        """
        self._once(self._http.build_request("PUT", url, content=content))

    @contextmanager
    def stream(
        self, path: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None, timeout: float
    ) -> Generator[httpx2.Response]:
        """An answer whose body is read bit by bit; `timeout` in seconds is the longest silence.

        Raises:
            ConnectionFailed, ProblemError: also when the stream breaks inside of the block.
        """
        try:
            with self._http.stream(
                "GET", self.url + path, params=params, headers=self._signed(headers), timeout=timeout
            ) as response:
                if not response.is_success:
                    response.read()
                _raise_for(response)
                yield response
        except httpx2.RequestError as error:
            raise _lost(self.url, error) from error

    def _repeated(self, request: httpx2.Request) -> httpx2.Response:
        pause = _FIRST_PAUSE
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._once(request)
            except ConnectionFailed:
                wait = pause
            except ProblemError as problem:
                if not _may_yet_succeed(problem):
                    raise
                wait = min(max(problem.retry_after or 0.0, pause), _LONGEST_PAUSE)
            self.sleep(wait)
            pause *= 2
        return self._once(request)

    def _once(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = self._http.send(request)
        except httpx2.RequestError as error:
            raise _lost(f"{request.url.scheme}://{request.url.netloc.decode()}", error) from error
        _raise_for(response)
        return response

    def _signed(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        return {**self._authorization, **(headers or {})}


def path(*steps: str) -> str:
    """An address on the service: ids are quoted, so that none can lead anywhere else."""
    return "".join(f"/{quote(step, safe='')}" for step in steps)


def read_json(response: httpx2.Response) -> Any:
    """The JSON of an answer. Raises AnswerUnreadable where it is none."""
    try:
        return response.json()
    except ValueError as error:
        raise AnswerUnreadable(f"{response.request.url} did not answer with JSON") from error


@dataclass(frozen=True)
class _Page:
    data: tuple[Mapping[str, Any], ...]
    next_cursor: str | None


def _may_yet_succeed(problem: ProblemError) -> bool:
    """A short outage, or the first sending of the same request still under way."""
    return problem.status in (502, 503, 504) or problem.code == "idempotency_in_flight"


def _require_usable(url: str, token: str | None) -> None:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise SDBError("address_invalid", f"{url!r} is no address: {error}.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SDBError("address_invalid", f"{url!r} is no address of a service; write http://HOST:PORT.")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise SDBError("token_invalid", "The token holds characters that no token has; copy it again.")


def _lost(where: str, error: httpx2.RequestError) -> ConnectionFailed:
    why = str(error) or type(error).__name__
    return ConnectionFailed(f"The service at {where} could not be reached ({why}); check the address and that it runs.")


def _raise_for(response: httpx2.Response) -> None:
    if response.is_success:
        return
    try:
        body = json.loads(response.content)
    except ValueError:
        body = {}
    raise from_answer(response.status_code, body if isinstance(body, dict) else {}, response.headers)
