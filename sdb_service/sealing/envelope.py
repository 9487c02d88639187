"""The envelope: one data key for each value, wrapped beside it.

A sealed value is a head, which names the key-encryption key and holds the wrapped data key; a tag of the head under a
key derived from the data key; and the value itself under AES-256-GCM. The tag binds every byte of the head even where
a key service reads its own ciphertext loosely. A rotation writes a new head and leaves the rest as it is.
Source: NIST SP 800-38D; envelope encryption as in AWS KMS.
"""

import hmac
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sdb_service.errors import SealBroken
from sdb_service.sealing.roles import FIRST_KEY, KeyEncryption, Opener, Sealer, Wrapped
from sdb_service.sealing.symmetric import NONCE, TAG, decrypted, encrypted
from sdb_service.secret import Secret

_FIRST = b"sdb1"
_SECOND = b"sdb2"
_KEY = 32
_FIRST_WRAPPED = NONCE + _KEY + TAG
_HEAD_TAG = 32


class _Parts(NamedTuple):
    wrapped: Wrapped
    head: bytes
    tag: bytes | None  # the first format has none
    body: bytes


def seal(value: Secret, *, context: str, keys: Sealer) -> bytes:
    """Seal `value` for `context` under a data key of its own. Raises `KeyServiceUnavailable`."""
    data_key = Secret(AESGCM.generate_key(bit_length=256))
    return _headed(data_key, context, keys) + encrypted(data_key, value.reveal(), context.encode())


def unseal(sealed: bytes, *, context: str, keys: Opener) -> Secret:
    """Open what `seal` made for the same context.

    Raises:
        SealBroken: for any reason that lies in the data; the message does not tell which.
        KeyServiceUnavailable: the key-encryption key could not be asked.
    """
    parts = _split(sealed)
    return Secret(decrypted(_data_key(parts, context, keys), parts.body, context.encode()))


def rewrap(sealed: bytes, *, context: str, keys: KeyEncryption) -> bytes:
    """The same sealed value under the current key-encryption key: a new head, the body untouched.

    Raises:
        SealBroken, KeyServiceUnavailable: as `unseal`; also where the new head would not open again.
    """
    parts = _split(sealed)
    data_key = _data_key(parts, context, keys)
    renewed = _headed(data_key, context, keys) + parts.body
    if _data_key(_split(renewed), context, keys) != data_key:
        raise SealBroken
    return renewed


def derive(sealed: bytes, *, context: str, label: str, keys: Opener) -> Secret:
    """A secret of 32 bytes for what `label` names that belongs to a sealed value: its data key by HKDF (RFC 5869).

    It tells nothing of the value, and whoever knows the value cannot compute it. It lasts as long as the data key, so
    a rotation of the key-encryption key leaves it as it is.
    Raises:
        SealBroken, KeyServiceUnavailable: as `unseal`.
    """
    return _derived(_data_key(_split(sealed), context, keys), f"{label}|{context}")


def key_context(*, account_id: str, box_id: str, key_id: str, version: int) -> str:
    """What a sealed kappa is bound to."""
    return f"{account_id}|{box_id}|{key_id}|{version}"


def kek_id_of(sealed: bytes) -> str:
    """The id of the key-encryption key that a value says it is wrapped under. Raises `SealBroken`."""
    return _split(sealed).wrapped.kek_id


def head_of(kek_id: str) -> bytes:
    """The bytes that all values begin with that are wrapped under this key."""
    name = kek_id.encode()
    return _SECOND + bytes([len(name)]) + name


def _headed(data_key: Secret, context: str, keys: Sealer) -> bytes:
    wrapped = keys.wrap(data_key, context)
    head = head_of(wrapped.kek_id) + len(wrapped.content).to_bytes(2, "big") + wrapped.content
    return head + _tag_of(head, data_key, context)


def _data_key(parts: _Parts, context: str, keys: Opener) -> Secret:
    data_key = keys.unwrap(parts.wrapped, context)
    if len(data_key) != _KEY:
        raise SealBroken
    if parts.tag is not None and not hmac.compare_digest(parts.tag, _tag_of(parts.head, data_key, context)):
        raise SealBroken
    return data_key


def _tag_of(head: bytes, data_key: Secret, context: str) -> bytes:
    return hmac.digest(_derived(data_key, f"sdb2-head|{context}").reveal(), head, "sha256")


def _derived(data_key: Secret, info: str) -> Secret:
    hkdf = HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=info.encode())
    return Secret(hkdf.derive(data_key.reveal()))


def _split(sealed: bytes) -> _Parts:
    if sealed[:4] == _FIRST:
        end = 4 + _FIRST_WRAPPED
        parts = _Parts(Wrapped(FIRST_KEY, sealed[4:end]), sealed[:end], None, sealed[end:])
    elif sealed[:4] == _SECOND and len(sealed) > 5:
        parts = _split_second(sealed)
    else:
        raise SealBroken
    if len(parts.body) < NONCE + TAG:
        raise SealBroken
    return parts


def _split_second(sealed: bytes) -> _Parts:
    name_end = 5 + sealed[4]
    head_end = name_end + 2 + int.from_bytes(sealed[name_end : name_end + 2], "big")
    try:
        kek_id = sealed[5:name_end].decode("ascii")
    except UnicodeDecodeError as error:
        raise SealBroken from error
    wrapped = Wrapped(kek_id, sealed[name_end + 2 : head_end])
    tag_end = head_end + _HEAD_TAG
    return _Parts(wrapped, sealed[:head_end], sealed[head_end:tag_end], sealed[tag_end:])
