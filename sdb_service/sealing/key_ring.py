"""The local key-encryption keys: a ring of private keys in one closed file, and the public half of the current one.

A key is a pair for HPKE (RFC 9180) with the hybrid of ML-KEM-768 and X25519, so that what is sealed today stays sealed
should one of the two be broken. The ring may also hold the symmetric key of the first format, which seals no more.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from sdb_service.errors import SealBroken
from sdb_service.sealing.files import read_closed, replace_file
from sdb_service.sealing.roles import FIRST_KEY, Opener, Wrapped
from sdb_service.sealing.symmetric import decrypted
from sdb_service.secret import Secret

_RING = "sdb-keys/1"
_PUBLIC = "sdb-public-key/1"
_SEED = 64  # of ML-KEM-768; X25519's 32 bytes follow
_PRIVATE = _SEED + 32
_ENCAPSULATION = 1184  # the public key of ML-KEM-768; X25519's 32 bytes follow
_SYMMETRIC = 32
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class PublicKey:
    """The half that seals and does not open."""

    def __init__(self, public: bytes) -> None:
        if len(public) != _ENCAPSULATION + 32:
            raise ValueError("it is no public key of ML-KEM-768 with X25519")
        self.public = public
        self.id = f"local:{hashlib.sha256(public).hexdigest()[:16]}"
        self._key = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:_ENCAPSULATION]),
            x25519.X25519PublicKey.from_public_bytes(public[_ENCAPSULATION:]),
        )

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        return Wrapped(self.id, _SUITE.encrypt(data_key.reveal(), self._key, info=context.encode()))


class PrivateKey:
    """The half that opens."""

    kind = "mlkem768-x25519"

    def __init__(self, private: Secret) -> None:
        if len(private) != _PRIVATE:
            raise ValueError("it is no private key of ML-KEM-768 with X25519")
        self.private = private
        first = mlkem.MLKEM768PrivateKey.from_seed_bytes(private.reveal()[:_SEED])
        second = x25519.X25519PrivateKey.from_private_bytes(private.reveal()[_SEED:])
        self._key = hpke.MLKEM768X25519PrivateKey(first, second)
        self.public = PublicKey(first.public_key().public_bytes_raw() + second.public_key().public_bytes_raw())
        self.id = self.public.id

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        try:
            return Secret(_SUITE.decrypt(wrapped.content, self._key, info=context.encode()))
        except InvalidTag as error:
            raise SealBroken from error


class FirstKey:
    """The symmetric key of the first format: it opens what it sealed, until a rotation has taken that over."""

    kind = "aes-256-gcm"
    id = FIRST_KEY

    def __init__(self, private: Secret) -> None:
        if len(private) != _SYMMETRIC:
            raise ValueError("it is no key of 32 bytes")
        self.private = private

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        return Secret(decrypted(self.private, wrapped.content, context.encode()))


LocalKey = PrivateKey | FirstKey


@dataclass(frozen=True)
class Ring:
    """The keys by id, the one that seals, and whether a rotation to it has begun and not ended."""

    keys: Mapping[str, LocalKey]
    current: PrivateKey | None
    rotating: bool = False

    def find(self, kek_id: str) -> Opener:
        """The key of this id. Raises `SealBroken`."""
        if kek_id not in self.keys:
            raise SealBroken
        return self.keys[kek_id]

    def with_fresh_key(self, *, rotating: bool) -> "Ring":
        """The same ring with a new key that seals from now on."""
        fresh = PrivateKey(_generated())
        return Ring({**self.keys, fresh.id: fresh}, fresh, rotating)

    def rotated(self) -> "Ring":
        return replace(self, rotating=False)

    def without_old_keys(self) -> "Ring":
        return replace(self, keys={kek_id: key for kek_id, key in self.keys.items() if key is self.current})


EMPTY = Ring({}, None)


def read_ring(path: Path) -> Ring:
    """The ring in a file; a file of exactly 32 bytes is the symmetric key of the first format.

    Raises:
        PermissionError: others can read the file. ValueError: it is no key file.
    """
    content = read_closed(path)
    try:
        if len(content) == _SYMMETRIC:
            return Ring({FIRST_KEY: FirstKey(Secret(content))}, None)
        ring = _said(content, _RING)
        keys = [_key(entry) for entry in ring["keys"]]
        current = next(key for key in keys if isinstance(key, PrivateKey) and key.id == ring["current"])
        return Ring({key.id: key for key in keys}, current, bool(ring["rotating"]))
    except (ValueError, KeyError, TypeError, StopIteration):
        raise ValueError(
            f"{path} is no file of key-encryption keys; restore it from a backup, since a new one opens nothing"
        ) from None


def write_ring(path: Path, ring: Ring) -> None:
    keys = [{"id": key.id, "kind": key.kind, "private": _text(key.private.reveal())} for key in ring.keys.values()]
    assert ring.current is not None
    said = {"format": _RING, "current": ring.current.id, "rotating": ring.rotating, "keys": keys}
    replace_file(path, json.dumps(said, indent=1).encode(), mode=0o600)


def read_public(path: Path) -> PublicKey:
    """The public half that a sealing process has.

    Raises:
        PermissionError: others could put their own in its place. ValueError: it is no such file.
    """
    if path.stat().st_mode & 0o022:
        raise PermissionError(f"{path} can be changed by others; run: chmod 644 {path}")
    try:
        return PublicKey(_bytes(_said(path.read_bytes(), _PUBLIC)["public"]))
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} is no public key file; remove it and run: sdb admin migrate, where the private keys are"
        ) from None


def write_public(path: Path, key: PublicKey) -> None:
    said = {"format": _PUBLIC, "id": key.id, "public": _text(key.public)}
    replace_file(path, json.dumps(said, indent=1).encode(), mode=0o644)


def _generated() -> Secret:
    first, second = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    return Secret(first.private_bytes_raw() + second.private_bytes_raw())


def _key(entry: dict[str, Any]) -> LocalKey:
    private = Secret(_bytes(entry["private"]))
    key: LocalKey = FirstKey(private) if entry["kind"] == FirstKey.kind else PrivateKey(private)
    if key.id != entry["id"]:
        raise ValueError("a key does not fit its id")
    return key


def _said(content: bytes, form: str) -> dict[str, Any]:
    said = json.loads(content)
    if not isinstance(said, dict) or said.get("format") != form:
        raise ValueError("another format")
    return said


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
