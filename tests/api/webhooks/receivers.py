"""Receivers of webhooks: real servers on this machine that remember what came and answer as they are told."""

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.webhooks.addresses import Resolve, Rules
from api.webhooks.sending import Outbound
from sdb_service import clock

HERE = ipaddress.ip_network("127.0.0.1/32")


@dataclass
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are used up one after the other, the last one for ever; each is (status, headers, body)."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [(204, {}, b"")])
    drips: float = 0.0  # seconds between the bytes of the answer

    def url(self, host: str = "127.0.0.1", scheme: str = "http", path: str = "/hook") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def will_answer(self, *statuses: int) -> None:
        self.answers = [(status, {}, b"") for status in statuses]


@contextmanager
def receiver(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server on a free port of this machine."""
    found = Receiver()

    server = ThreadingHTTPServer((host, 0), _handler(found))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(found: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, content = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            if found.drips:
                self._drip()
                return
            self.end_headers()
            self.wfile.write(content)

        def _drip(self) -> None:
            self.flush_headers()
            try:
                for _ in range(1000):
                    self.wfile.write(b"X")
                    time.sleep(found.drips)
            except OSError:
                pass  # whom it told has hung up

        def log_message(self, *_: Any) -> None: ...

    return Handler


def outbound(*receivers: Receiver, resolve: Resolve | None = None, seconds: float = 5.0, **rules: Any) -> Outbound:
    """A way out that lets these receivers, on this machine, be reached."""
    wanted: dict[str, Any] = {"allowed": (HERE,), "http": True} | rules
    made = Rules(ports=frozenset({443, 80, *(each.port for each in receivers)}), **wanted)
    found = Outbound(made, ssl.create_default_context(), seconds=seconds)
    return Outbound(made, found.tls, resolve, seconds) if resolve else found


def certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS under these names, and the file of certificates that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "trusted.pem", folder / "private.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(trusted, private)
    return server, trusted
