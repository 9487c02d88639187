import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import httpx2
import pytest

from sdb_client import Client, FileChanged, Invalid, TooLarge, UploadInterrupted
from sdb_client.uploads import Uploads
from sdb_service.settings import Settings

from .running import PART_BYTES, Service, running
from .weather import MakeLine, wire


def test_a_file_of_several_parts_arrives_whole_and_tells_its_progress(provider: Client, checkpoint: Path) -> None:
    told: list[tuple[int, int]] = []

    upload = provider.uploads.send(checkpoint, progress=lambda done, total: told.append((done, total)))

    size = checkpoint.stat().st_size
    assert (upload.state, upload.parts_expected, len(upload.parts)) == ("complete", 4, 4)
    assert told == [(PART_BYTES, size), (2 * PART_BYTES, size), (3 * PART_BYTES, size), (size, size)]
    assert upload.parts[0].sha256 == hashlib.sha256(checkpoint.read_bytes()[:PART_BYTES]).hexdigest()


def test_an_interrupted_upload_is_resumed_with_what_is_missing(
    service: Service, checkpoint: Path, bad_line: MakeLine
) -> None:
    token = service.token_of("an interrupted provider", role="provider")
    dead = bad_line(lambda request, _: "lost" if request.url.path.endswith("/parts/3") else "pass")
    with pytest.raises(UploadInterrupted) as interrupted:
        Uploads(wire(service.url, token, dead)).send(checkpoint)
    assert sum(request.url.path.endswith("/parts/3") for request in dead.seen) == 3  # the part was tried three times

    alive = bad_line(lambda *_: "pass")
    upload = Uploads(wire(service.url, token, alive)).resume(interrupted.value.upload_id, checkpoint)

    assert upload.state == "complete"
    sent = [request.url.path.rpartition("/")[2] for request in alive.seen if request.method == "PUT"]
    assert sent == ["3", "4"]


def test_a_part_whose_answer_was_lost_is_sent_again(service: Service, checkpoint: Path, bad_line: MakeLine) -> None:
    token = service.token_of("a provider on a bad line", role="provider")
    puts = 0

    def fault(request: httpx2.Request, _before: int) -> str:
        nonlocal puts
        puts += request.method == "PUT"
        return "unanswered" if request.method == "PUT" and puts == 2 else "pass"

    upload = Uploads(wire(service.url, token, bad_line(fault))).send(checkpoint)

    assert upload.state == "complete"
    assert puts == 5


def test_resuming_with_another_file_is_refused(provider: Client, checkpoint: Path, tmp_path: Path) -> None:
    begun = provider.uploads.begin(checkpoint)
    other = tmp_path / "other.safetensors"
    other.write_bytes(checkpoint.read_bytes()[:-1] + b"!")

    with pytest.raises(FileChanged, match="not the file"):
        provider.uploads.resume(begun.id, other)


def test_a_file_that_changes_while_it_is_sent_is_noticed(provider: Client, checkpoint: Path) -> None:
    def change(done: int, _total: int) -> None:
        if done == PART_BYTES:
            content = bytearray(checkpoint.read_bytes())
            content[-1] ^= 1
            checkpoint.write_bytes(content)

    with pytest.raises(Invalid) as refused:
        provider.uploads.send(checkpoint, progress=change)
    assert refused.value.code == "sha256_mismatch"


def test_a_file_over_the_limit_is_refused_before_a_byte_is_sent(provider: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.npz"
    large.write_bytes(bytes(21 * PART_BYTES))
    told: list[int] = []

    with pytest.raises(TooLarge) as refused:
        provider.uploads.send(large, progress=lambda done, _: told.append(done))

    assert (refused.value.code, refused.value.status, told) == ("upload_too_large", 413, [])


class _Bucket(BaseHTTPRequestHandler):
    """Takes what is PUT and remembers the headers that came with it."""

    received: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        _Bucket.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, content))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def bucket() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    thread = Thread(target=server.serve_forever)
    thread.start()
    _Bucket.received.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_presigned_addresses_get_the_bytes_and_never_the_token(bucket: str, checkpoint: Path) -> None:
    content = checkpoint.read_bytes()

    def answer(request: httpx2.Request) -> httpx2.Response:
        here, numbers = len(_Bucket.received), range(1, 5)
        upload = {
            "id": "upl_1",
            "filename": "net.safetensors",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "state": "complete" if request.url.path.endswith("/complete") else "open",
            "part_bytes": PART_BYTES,
            "parts_expected": 4,
            "parts": [{"number": n, "size": 1, "sha256": None} for n in numbers if n <= here],
            "addresses": [{"number": n, "url": f"{bucket}/b/p?part={n}&sig=x"} for n in numbers if n > here],
            "created_at": "2026-01-01T00:00:00Z",
        }
        return httpx2.Response(200, json=upload)

    class Split(httpx2.BaseTransport):
        """The service is played, the bucket is real."""

        network = httpx2.HTTPTransport()

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            return self.network.handle_request(request) if request.method == "PUT" else answer(request)

        def close(self) -> None:
            self.network.close()

    with Client("http://sdb.test", token="sdb_secret", transport=Split()) as client:
        assert client.uploads.send(checkpoint).state == "complete"

    assert b"".join(body for _, _, body in _Bucket.received) == content
    for path, headers, _ in _Bucket.received:
        assert path.startswith("/b/p?part=")
        assert "authorization" not in headers
        assert "x-content-sha256" not in headers
        assert "content-type" not in headers


@pytest.mark.production
def test_parts_go_straight_to_a_real_bucket(production_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    file.write_bytes(bytes(range(256)) * 4 * (production_settings.part_bytes // 1024) + b"a second, short part")
    with (
        running(production_settings) as service,
        service.client_of("a provider with a bucket", role="provider") as client,
    ):
        begun = client.uploads.begin(file)
        assert all(not address.url.startswith(service.url) for address in begun.addresses)
        assert all(address.url.startswith("http") for address in begun.addresses)

        upload = client.uploads.resume(begun.id, file)

    assert (upload.state, upload.parts_expected) == ("complete", 2)
