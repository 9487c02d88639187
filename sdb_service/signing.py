"""Signatures that anybody can check without asking the service: Ed25519 (RFC 8032) under one key in a file.

What is signed begins with a line that names its kind, such as `sdb-license/1`, so that a signature under one kind of
thing is never one under another.
"""

import base64
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sdb_service.errors import ServiceError
from sdb_service.sealing import read_key_file

_SCHEME = "ed25519:"


class SignatureInvalid(ServiceError):
    """The message is not, bit for bit, one that the holder of the key has signed."""

    kind = "invalid"

    def __init__(self) -> None:
        super().__init__(
            "signature_invalid",
            "The signature does not fit; check that nothing was changed and that the public key is the right one.",
        )


class SigningKey:
    """The service's signing key: 32 bytes in a file that only its owner may read, made on first use.

    `key_id` names it, and `public_key_text` (`ed25519:` and base64) is for everybody.
    Raises:
        PermissionError, ValueError: as `read_key_file`.
    """

    def __init__(self, path: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(read_key_file(path).reveal())
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key_text: str = _SCHEME + base64.b64encode(public).decode()
        self.key_id: str = key_id_of(self.public_key_text)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(message)


def verify(public_key_text: str, signature: bytes, message: bytes) -> None:
    """Let pass what the holder of the key has signed.

    Raises:
        SignatureInvalid: for any reason at all, also where the text is no public key.
    """
    try:
        public = base64.b64decode(public_key_text.removeprefix(_SCHEME), validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise SignatureInvalid from error


def key_id_of(public_key_text: str) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key_text.encode()).hexdigest()[:16]
