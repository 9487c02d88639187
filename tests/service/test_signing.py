"""A signature fits what was signed, under the key that signed it, and nothing else."""

import base64
from pathlib import Path

import pytest

from sdb_service.signing import SignatureInvalid, SigningKey, key_id_of, verify

pytestmark = pytest.mark.trust

MESSAGE = b"sdb-license/1\nthe right of one customer to one box's knowledge"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey(tmp_path / "keys" / "signing-key")


def fits(public_key_text: str, signature: bytes, message: bytes) -> bool:
    try:
        verify(public_key_text, signature, message)
    except SignatureInvalid:
        return False
    return True


def test_what_was_signed_fits(key: SigningKey) -> None:
    verify(key.public_key_text, key.sign(MESSAGE), MESSAGE)


def test_no_bit_of_message_or_signature_can_be_flipped(key: SigningKey) -> None:
    signature = key.sign(MESSAGE)
    whole, passed = signature + MESSAGE, []
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        if fits(key.public_key_text, bytes(changed[:64]), bytes(changed[64:])):
            passed.append(bit)
    assert passed == []


def test_another_key_does_not_fit(key: SigningKey, tmp_path: Path) -> None:
    other = SigningKey(tmp_path / "other")

    assert other.key_id != key.key_id
    assert not fits(other.public_key_text, key.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 44, "ed25519:" + "é" * 44, "\x00"])
def test_a_text_that_is_no_public_key_fits_nothing(key: SigningKey, text: str) -> None:
    assert not fits(text, key.sign(MESSAGE), MESSAGE)


def test_the_key_lasts_in_its_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing-key"
    made = SigningKey(path)

    assert SigningKey(path).public_key_text == made.public_key_text
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        SigningKey(path)


def test_the_public_key_is_32_bytes_and_its_id_is_computed_from_it(key: SigningKey) -> None:
    scheme, _, encoded = key.public_key_text.partition(":")

    assert scheme == "ed25519"
    assert len(base64.b64decode(encoded, validate=True)) == 32
    assert key.key_id == key_id_of(key.public_key_text)


def test_a_signing_key_shows_its_name_alone(key: SigningKey, tmp_path: Path) -> None:
    secret = (tmp_path / "keys" / "signing-key").read_bytes()

    assert repr(key) == f"SigningKey({key.key_id})"
    assert secret.hex() not in repr(vars(key))
    assert repr(secret) not in repr(vars(key))
