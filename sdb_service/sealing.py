"""Sealing: AES-256-GCM under a fresh data key, which is itself sealed under the key-encryption key (an envelope).

Both layers carry the context (account|box|key|version) as associated data: a sealed value moved to another row, or
changed by a bit, does not open. Source: NIST SP 800-38D; envelope encryption as in AWS KMS.
"""

import os
import tempfile
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sdb_service.errors import SealBroken
from sdb_service.secret import Secret

_FORMAT = b"sdb1"
_NONCE = 12
_TAG = 16
_KEY = 32
_WRAPPED = _NONCE + _KEY + _TAG


class KeyEncryption(Protocol):
    """Where the key-encryption key lives; it wraps and unwraps data keys and never leaves."""

    def wrap(self, data_key: Secret, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret: ...


class LocalKeyEncryption:
    """A key-encryption key in a file of 32 bytes that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._aead = AESGCM(read_key_file(path).reveal())

    def wrap(self, data_key: Secret, context: bytes) -> bytes:
        return _encrypt(self._aead, data_key.reveal(), context)

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        return Secret(_decrypt(self._aead, wrapped, context))


def seal(value: Secret, *, context: str, keys: KeyEncryption) -> bytes:
    """Seal `value` for `context` under a data key of its own."""
    data_key = Secret(AESGCM.generate_key(bit_length=256))
    bound = context.encode()
    return _FORMAT + keys.wrap(data_key, bound) + _encrypt(AESGCM(data_key.reveal()), value.reveal(), bound)


def unseal(sealed: bytes, *, context: str, keys: KeyEncryption) -> Secret:
    """Open what `seal` made for the same context.

    Raises:
        SealBroken: for any reason at all; the message does not tell which.
    """
    data_key = _data_key(sealed, context, keys)
    return Secret(_decrypt(AESGCM(data_key.reveal()), sealed[4 + _WRAPPED :], context.encode()))


def derive(sealed: bytes, *, context: str, label: str, keys: KeyEncryption) -> Secret:
    """A secret of 32 bytes for what `label` names that belongs to a sealed value: its data key by HKDF (RFC 5869).

    It tells nothing of the value, and whoever knows the value cannot compute it. It lasts as long as the data key:
    under a new key-encryption key that must be wrapped again, and the value not be sealed anew.
    Raises:
        SealBroken: as `unseal`.
    """
    data_key = _data_key(sealed, context, keys)
    hkdf = HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=f"{label}|{context}".encode())
    return Secret(hkdf.derive(data_key.reveal()))


def key_context(*, account_id: str, box_id: str, key_id: str, version: int) -> str:
    """What a sealed kappa is bound to."""
    return f"{account_id}|{box_id}|{key_id}|{version}"


def read_key_file(path: Path) -> Secret:
    """The 32 bytes of a key file, made on first use with mode 0600.

    Raises:
        PermissionError: others can read the file.
        ValueError: it does not hold 32 bytes.
    """
    if not path.exists():
        _make_key_file(path)
    mode = path.stat().st_mode & 0o077
    if mode:
        raise PermissionError(f"{path} can be read by others; run: chmod 600 {path}")
    value = path.read_bytes()
    if len(value) != _KEY:
        raise ValueError(
            f"{path} must hold exactly {_KEY} bytes; restore it from a backup, since a new one opens nothing"
        )
    return Secret(value)


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # made with mode 0600
    temporary = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails where another process was first: its key stands
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _data_key(sealed: bytes, context: str, keys: KeyEncryption) -> Secret:
    if sealed[:4] != _FORMAT or len(sealed) < 4 + _WRAPPED + _NONCE + _TAG:
        raise SealBroken
    return keys.unwrap(sealed[4 : 4 + _WRAPPED], context.encode())


def _encrypt(aead: AESGCM, value: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + aead.encrypt(nonce, value, bound)


def _decrypt(aead: AESGCM, value: bytes, bound: bytes) -> bytes:
    try:
        return aead.decrypt(value[:_NONCE], value[_NONCE:], bound)
    except InvalidTag as error:
        raise SealBroken from error
