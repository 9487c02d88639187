"""Vault's transit engine as key-encryption key: the key never leaves it, and policies decide who encrypts or decrypts.

Source: https://developer.hashicorp.com/vault/api-docs/secret/transit (encrypt and decrypt data).
"""

import base64
import binascii
import logging
import re
import weakref
from pathlib import Path
from typing import Any

import httpx2

from sdb_service.errors import KeyServiceUnavailable, SealBroken
from sdb_service.sealing.roles import Wrapped
from sdb_service.secret import Secret

log = logging.getLogger(__name__)

PREFIX = "vault:"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SECONDS = 5.0


class VaultSealer:
    """Wraps data keys with a named transit key; the token is read anew from its file at each call.

    The context is sent twice: as associated data, which every AEAD key checks, and as derivation context, which keys
    made with `derived=true` ask for.
    """

    def __init__(self, key: str, *, url: str, token_file: Path, mount: str = "transit") -> None:
        self._key, self._mount, self._token_file = key, mount.strip("/"), token_file
        self._http = httpx2.Client(base_url=url.rstrip("/"), timeout=_SECONDS)
        weakref.finalize(self, self._http.close)

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        answer = self._ask("encrypt", self._key, context, plaintext=_text(data_key.reveal()))
        if answer.status_code != 200:
            raise _unavailable(f"it answered {answer.status_code}")
        return Wrapped(f"{PREFIX}{self._mount}/{self._key}", str(_data(answer)["ciphertext"]).encode())

    def _ask(self, act: str, key: str, context: str, **body: str) -> httpx2.Response:
        bound = _text(context.encode())
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
            return self._http.post(
                f"/v1/{self._mount}/{act}/{key}",
                json={**body, "associated_data": bound, "context": bound},
                headers={"X-Vault-Token": token},
            )
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise _unavailable(type(error).__name__) from error


class VaultKeyEncryption(VaultSealer):
    """Also unwraps them.

    Values under other keys of the same engine are opened too, so that a rotation needs no restart; the policy says
    which.
    """

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        mount, _, key = wrapped.kek_id.removeprefix(PREFIX).rpartition("/")
        if not wrapped.kek_id.startswith(PREFIX) or mount != self._mount or not _NAME.fullmatch(key):
            raise SealBroken
        try:
            ciphertext = wrapped.content.decode("ascii")
        except UnicodeDecodeError as error:
            raise SealBroken from error
        answer = self._ask("decrypt", key, context, ciphertext=ciphertext)
        if answer.status_code in (400, 404):
            log.warning("the key service did not open a value", extra={"status": answer.status_code})
            raise SealBroken
        if answer.status_code != 200:
            raise _unavailable(f"it answered {answer.status_code}")
        try:
            return Secret(base64.b64decode(str(_data(answer)["plaintext"]), validate=True))
        except binascii.Error as error:
            raise _unavailable("its answer cannot be read") from error


def _data(answer: httpx2.Response) -> dict[str, Any]:
    try:
        data: dict[str, Any] = answer.json()["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unavailable("its answer cannot be read") from error
    return data


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _unavailable(why: str) -> KeyServiceUnavailable:
    return KeyServiceUnavailable(f"Vault did not answer as it should ({why}); check it, its token and the policy")
