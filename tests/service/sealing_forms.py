"""Every form of a sealed value: local pairs, the first format, AWS KMS on moto's server, and Vault transit."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sdb_service.sealing import KeyEncryption, LocalKeyEncryption, seal
from sdb_service.sealing.aws_kms import KmsKeyEncryption
from sdb_service.sealing.vault import VaultKeyEncryption
from sdb_service.secret import Secret
from tests.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, s3_server
from tests.servers.vault import VaultServer, vault_server

FORMS = ("local", "first", "aws-kms", "vault", "vault-derived")


class Form(NamedTuple):
    """A way to seal and what opens it again."""

    keys: KeyEncryption
    seal: Callable[[Secret, str], bytes]


@contextmanager
def opened_form(name: str, folder: Path) -> Iterator[Form]:
    if name == "local":
        yield _sealing_with(LocalKeyEncryption(folder / "kek"))
    elif name == "first":
        yield first_form(folder / "kek")
    elif name == "aws-kms":
        with kms_server() as (url, make_key):
            yield _sealing_with(KmsKeyEncryption(make_key(), region=REGION, endpoint_url=url))
    else:
        with vault_server() as server:
            server.make_key("sdb", derived=name == "vault-derived")
            yield _sealing_with(vault_keys(server, folder, acts={"encrypt", "decrypt"}))


def first_form(path: Path) -> Form:
    """Values as the first version of the service sealed them, and its key file of 32 bytes."""
    key = secrets.token_bytes(32)
    path.write_bytes(key)
    path.chmod(0o600)
    return Form(LocalKeyEncryption(path), lambda value, context: sealed_first(key, value, context))


def sealed_first(key: bytes, value: Secret, context: str) -> bytes:
    data_key = secrets.token_bytes(32)
    return b"sdb1" + _gcm(key, data_key, context) + _gcm(data_key, value.reveal(), context)


@contextmanager
def kms_server() -> Iterator[tuple[str, Callable[[], str]]]:
    """The address of a KMS, and what makes a key there and answers its ARN."""
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        kms = boto3.client("kms", endpoint_url=server.endpoint_url, region_name=REGION)
        yield server.endpoint_url, lambda: str(kms.create_key()["KeyMetadata"]["Arn"])


def vault_keys(server: VaultServer, folder: Path, *, acts: set[str], key: str = "sdb") -> VaultKeyEncryption:
    """Keys at a Vault with a token that may do these acts."""
    token = secrets.token_hex(8)
    server.tokens[token] = acts
    file = folder / f"token-{token}"
    file.write_text(f"{token}\n")
    return VaultKeyEncryption(key, url=server.url, token_file=file)


def _sealing_with(keys: KeyEncryption) -> Form:
    return Form(keys, lambda value, context: seal(value, context=context, keys=keys))


def _gcm(key: bytes, value: bytes, context: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, value, context.encode())
