"""AES-256-GCM under a key of 32 bytes in a file: who seals with it also opens."""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sdb_service.errors import SealBroken
from sdb_service.sealing.files import read_key_file
from sdb_service.sealing.roles import Wrapped
from sdb_service.secret import Secret

NONCE = 12
TAG = 16


class SymmetricKeyEncryption:
    """A key that only the workers hold, for what one of them leaves for another while a job is in flight."""

    def __init__(self, path: Path) -> None:
        self._key = read_key_file(path)
        self._id = f"worker:{hashlib.sha256(self._key.reveal()).hexdigest()[:16]}"

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        return Wrapped(self._id, encrypted(self._key, data_key.reveal(), context.encode()))

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        if wrapped.kek_id != self._id:
            raise SealBroken
        return Secret(decrypted(self._key, wrapped.content, context.encode()))


def encrypted(key: Secret, value: bytes, bound: bytes) -> bytes:
    """A fresh nonce, then the value under the key, bound to `bound`."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key.reveal()).encrypt(nonce, value, bound)


def decrypted(key: Secret, value: bytes, bound: bytes) -> bytes:
    """What `encrypted` was given. Raises `SealBroken`."""
    if len(value) < NONCE + TAG:
        raise SealBroken
    try:
        return AESGCM(key.reveal()).decrypt(value[:NONCE], value[NONCE:], bound)
    except InvalidTag as error:
        raise SealBroken from error
