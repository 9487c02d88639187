"""AWS KMS as key-encryption key: the key never leaves it, and IAM decides who may `Encrypt` and who may `Decrypt`."""

import logging
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sdb_service.errors import KeyServiceUnavailable, SealBroken
from sdb_service.sealing.roles import Wrapped
from sdb_service.secret import Secret

log = logging.getLogger(__name__)

PREFIX = "aws-kms:"

# What KMS answers to a changed ciphertext, another context or another key. It says "access denied" also where the
# ciphertext names a key that is not ours, so on opening that cannot be told from a missing right.
_BROKEN = {
    "AccessDeniedException",
    "IncorrectKeyException",
    "InvalidCiphertextException",
    "InvalidKeyUsageException",
    "NotFoundException",
    "ValidationException",
}


class KmsSealer:
    """Wraps data keys with KMS `Encrypt`, the context as encryption context.

    Values name the key by `key`: an ARN, or a bare key id; never an alias, which may move.
    """

    def __init__(self, key: str, *, region: str, endpoint_url: str | None = None) -> None:
        self._key = key
        patient = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
        self._kms: Any = boto3.client("kms", region_name=region, endpoint_url=endpoint_url, config=patient)

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        try:
            answer = self._kms.encrypt(
                KeyId=self._key, Plaintext=data_key.reveal(), EncryptionContext=_encryption_context(context)
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from error
        return Wrapped(PREFIX + self._key, bytes(answer["CiphertextBlob"]))


class KmsKeyEncryption(KmsSealer):
    """Also unwraps them, with `Decrypt`.

    Values under other keys of the same account and region are opened too, so that a rotation needs no restart; IAM
    says which.
    """

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        key = wrapped.kek_id.removeprefix(PREFIX)
        if not wrapped.kek_id.startswith(PREFIX) or _place(key) != _place(self._key) or not wrapped.content:
            raise SealBroken
        try:
            answer = self._kms.decrypt(
                KeyId=key, CiphertextBlob=wrapped.content, EncryptionContext=_encryption_context(context)
            )
        except ClientError as error:
            if _code(error) in _BROKEN:
                log.warning("the key service did not open a value", extra={"reason": _code(error)})
                raise SealBroken from error
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        return Secret(answer["Plaintext"])


def _place(key: str) -> str:
    """Account and region of a key's ARN; empty for a bare id, which is of the caller's own."""
    return key.rpartition("/")[0]


def _encryption_context(context: str) -> dict[str, str]:
    return {"sdb": context}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _unavailable(error: ClientError | BotoCoreError) -> KeyServiceUnavailable:
    why = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return KeyServiceUnavailable(f"AWS KMS did not answer as it should ({why}); check it and the role's rights")
