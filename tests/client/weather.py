"""Bad lines: transports that stand between the SDK and the real service and break what passes."""

from collections.abc import Callable, Iterator

import httpx2

from sdb_client.http import Wire

Fault = Callable[[httpx2.Request, int], str]  # the request and how many came before it: what happens to it


class BadLine(httpx2.BaseTransport):
    """Passes requests on to the network, except where `fault` says otherwise.

    `lost`: it never arrives. `unanswered`: it arrives and the answer is lost. `cut`: the answer breaks off inside.
    `busy`: it does not arrive, and is answered that it may come again in seven seconds.
    """

    def __init__(self, fault: Fault) -> None:
        self.seen: list[httpx2.Request] = []
        self._fault = fault
        self._network = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        fault = self._fault(request, len(self.seen))
        self.seen.append(request)
        if fault == "lost":
            raise httpx2.ConnectError("the line is down", request=request)
        if fault == "busy":
            body = {"code": "image_budget_spent", "detail": "No images are left; wait 7 s."}
            return httpx2.Response(429, headers={"Retry-After": "7"}, json=body, request=request)
        response = self._network.handle_request(request)
        if fault == "unanswered":
            response.read()
            response.close()
            raise httpx2.ReadError("the line broke", request=request)
        if fault == "cut":
            return httpx2.Response(response.status_code, headers=response.headers, stream=_Cut(response))
        return response

    def close(self) -> None:
        self._network.close()


MakeLine = Callable[[Fault], BadLine]


class _Cut(httpx2.SyncByteStream):
    """The first event of a stream, half of the second, and then nothing."""

    def __init__(self, whole: httpx2.Response) -> None:
        self._whole = whole

    def __iter__(self) -> Iterator[bytes]:
        sent = b""
        for chunk in self._whole.stream:  # type: ignore[union-attr]
            sent += chunk
            first, end, rest = sent.partition(b"\n\n")
            if end and rest:
                yield first + end + rest[: len(rest) // 2]
                raise httpx2.ReadError("the line broke")

    def close(self) -> None:
        self._whole.close()


def wire(url: str, token: str | None, transport: httpx2.BaseTransport, *, pauses: list[float] | None = None) -> Wire:
    """A wire that does not wait between repeats but notes down for how long it would have."""
    noted = pauses if pauses is not None else []
    return Wire(url, token=token, transport=transport, timeout=10, sleep=noted.append)
