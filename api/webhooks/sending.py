"""One POST to a webhook: to the addresses that were checked, in ten seconds, following nothing, keeping 1 KiB."""

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpcore2

from api.webhooks.addresses import AddressRefused, Resolve, Rules, Target, checked_addresses, resolved, target_of
from sdb_service.errors import Invalid
from sdb_service.lifecycle.deliveries import Answered
from sdb_service.settings import Settings

SECONDS = 10.0  # for everything: connecting, TLS, sending, and the answer
MOST_ANSWER_BYTES = 1024
_MOST_ADDRESSES = 4


@dataclass(frozen=True)
class Outbound:
    """The way out of the service, for webhooks alone. Proxies of the environment and redirects are not followed."""

    rules: Rules
    tls: ssl.SSLContext
    resolve: Resolve = resolved
    seconds: float = SECONDS

    @classmethod
    def of(cls, settings: Settings) -> Self:
        tls = ssl.create_default_context()
        if settings.webhook_ca_file is not None:
            tls.load_verify_locations(settings.webhook_ca_file)
        return cls(Rules.of(settings), tls)

    def require_fit(self, url: str) -> None:
        """Refuse a url that nothing could be delivered to. Raises `Invalid` or `AddressRefused`."""
        checked_addresses(target_of(url, self.rules), self.rules, self.resolve)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Send, and say what came of it; the url is judged anew each time."""
        try:
            target = target_of(url, self.rules)
            addresses = checked_addresses(target, self.rules, self.resolve)
        except AddressRefused:
            return Answered(error="address_refused")
        except Invalid:
            return Answered(error="url_refused")
        try:
            return self._post(target, addresses, body, headers)
        except httpcore2.TimeoutException:
            return Answered(error="timed_out")
        except _TlsFailed:
            return Answered(error="tls_failed")
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            return Answered(error="connection_failed")

    def _post(self, target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]) -> Answered:
        until = _Deadline(self.seconds)
        url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        told: dict[bytes | str, bytes | str] = {
            "Host": target.authority,
            "User-Agent": "SDB-Webhooks/1",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        told.update(headers)
        with (
            httpcore2.ConnectionPool(ssl_context=self.tls, network_backend=_Checked(addresses, until)) as pool,
            pool.stream("POST", url, headers=told, content=body) as response,
        ):
            return _answered(response.status, _beginning(response))


def _answered(status: int, answer: str) -> Answered:
    if 200 <= status < 300:
        return Answered(status, None, answer)
    return Answered(status, "redirect_refused" if 300 <= status < 400 else "status_not_2xx", answer)


def _beginning(response: httpcore2.Response) -> str:
    kept = b""
    for chunk in response.iter_stream():
        kept += chunk
        if len(kept) >= MOST_ANSWER_BYTES:
            break
    # A database takes no zero byte; undecodable bytes grow, so the cut comes last.
    return kept[:MOST_ANSWER_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")[:MOST_ANSWER_BYTES]


class _TlsFailed(httpcore2.ConnectError):
    """The receiver could not prove its name, or speaks no TLS that we do."""


class _Deadline:
    """Time for everything together: a receiver that sends a byte now and then would else hold a thread for ever."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises `ReadTimeout` where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time for this delivery is over")
        return left


class _Checked(httpcore2.NetworkBackend):
    """Connects to the addresses that were checked, whatever the name would say now."""

    def __init__(self, addresses: Sequence[str], until: _Deadline) -> None:
        self._addresses = addresses
        self._until = until

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        *others, last = self._addresses[:_MOST_ADDRESSES]
        for address in others:
            try:
                return self._connect(address, port, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(last, port, local_address, socket_options)

    def _connect(
        self, address: str, port: int, local_address: str | None, options: Iterable[Any] | None
    ) -> httpcore2.NetworkStream:
        backend = httpcore2.SyncBackend()
        stream = backend.connect_tcp(
            address, port, timeout=self._until.left(), local_address=local_address, socket_options=options
        )
        return _Bounded(stream, self._until)


class _Bounded(httpcore2.NetworkStream):
    """A connection whose every step has the time that is left, and no more."""

    def __init__(self, stream: httpcore2.NetworkStream, until: _Deadline) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, timeout=self._until.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, timeout=self._until.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        try:
            tls = self._stream.start_tls(ssl_context, server_hostname=server_hostname, timeout=self._until.left())
        except httpcore2.ConnectError as error:
            raise _TlsFailed(str(error)) from error
        return _Bounded(tls, self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
