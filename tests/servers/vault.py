"""A server that behaves as Vault's transit engine is documented to, for encrypt and decrypt alone.

It is as loose as the real one where that could hurt: spare bits of base64 are not looked at, and version 0 means 1.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MOUNT = "transit"


class Refused(Exception):
    """An answer with this status and the one error that Vault names."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class VaultServer:
    """Keys by name, each with whether it is derived; tokens with the acts that their policy allows."""

    url: str
    keys: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    is_sealed: bool = False

    def make_key(self, name: str, *, derived: bool = False) -> None:
        self.keys[name] = (os.urandom(32), derived)

    def answer(self, path: str, token: str, body: dict[str, str]) -> dict[str, Any]:
        """What the engine says to a request. Raises `Refused`."""
        version, mount, act, name = path.strip("/").split("/")
        if self.is_sealed:
            raise Refused(503, "Vault is sealed")
        if (version, mount) != ("v1", MOUNT) or act not in self.tokens.get(token, set()):
            raise Refused(403, "permission denied")
        if name not in self.keys:
            raise Refused(400, "encryption key not found")
        key, bound = self._key(name, body), _decoded(body.get("associated_data", ""))
        if act == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(key).encrypt(nonce, _decoded(body["plaintext"]), bound)
            return {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}", "key_version": 1}
        return {"plaintext": base64.b64encode(self._opened(key, body["ciphertext"], bound)).decode()}

    def _key(self, name: str, body: dict[str, str]) -> bytes:
        key, derived = self.keys[name]
        context = _decoded(body.get("context", ""))
        if derived and not context:
            raise Refused(400, "missing 'context' for key derivation; the key was created using a derived key")
        return hmac.digest(key, context, hashlib.sha256) if derived else key

    def _opened(self, key: bytes, ciphertext: str, bound: bytes) -> bytes:
        prefix, _, text = ciphertext.partition(":")
        version, _, text = text.partition(":")
        if prefix != "vault" or not version.startswith("v"):
            raise Refused(400, "invalid ciphertext: no prefix")
        if version not in {"v0", "v1"}:
            raise Refused(400, "invalid ciphertext: version is too new")
        sealed = _decoded(text)
        try:
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], bound)
        except (InvalidTag, ValueError) as error:
            raise Refused(400, "cipher: message authentication failed") from error


@contextmanager
def vault_server() -> Iterator[VaultServer]:
    """Start one in a thread of this process."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = VaultServer(f"http://127.0.0.1:{http.server_port}")
    http.engine = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # the head and the body in one packet

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        engine: VaultServer = self.server.engine  # type: ignore[attr-defined]
        try:
            status, said = 200, {"data": engine.answer(self.path, self.headers.get("X-Vault-Token", ""), body)}
        except Refused as refused:
            status, said = refused.status, {"errors": [str(refused)]}
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)  # takes spare bits in the last letter as they come
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "illegal base64 data") from error
