"""A sealed key opens in its own context under its own key-encryption key, and otherwise not at all."""

import os
import threading
from pathlib import Path

import pytest

from sdb_service.errors import SealBroken
from sdb_service.sealing import LocalKeyEncryption, derive, key_context, read_key_file, seal, unseal
from sdb_service.secret import Secret

KAPPA = Secret(bytes(range(48)))
CONTEXT = key_context(account_id="acc_1", box_id="box_1", key_id="key_1", version=1)


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeyEncryption:
    return LocalKeyEncryption(tmp_path / "keys" / "kek")


@pytest.fixture
def sealed(keys: LocalKeyEncryption) -> bytes:
    return seal(KAPPA, context=CONTEXT, keys=keys)


def test_a_sealed_value_opens_again(keys: LocalKeyEncryption, sealed: bytes) -> None:
    assert unseal(sealed, context=CONTEXT, keys=keys) == KAPPA


def test_a_sealed_value_does_not_show_what_is_inside_and_never_looks_the_same(
    keys: LocalKeyEncryption, sealed: bytes
) -> None:
    assert KAPPA.reveal() not in sealed
    assert seal(KAPPA, context=CONTEXT, keys=keys) != sealed


def test_no_bit_of_a_sealed_value_can_be_flipped(keys: LocalKeyEncryption, sealed: bytes) -> None:
    opened = []
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        if _opens(bytes(changed), CONTEXT, keys):
            opened.append(bit)
    assert opened == []


def test_no_end_of_a_sealed_value_can_be_cut_off(keys: LocalKeyEncryption, sealed: bytes) -> None:
    assert [length for length in range(len(sealed)) if _opens(sealed[:length], CONTEXT, keys)] == []
    assert not _opens(sealed + b"\0", CONTEXT, keys)


@pytest.mark.parametrize(
    "other",
    [
        {"account_id": "acc_2"},
        {"box_id": "box_2"},
        {"key_id": "key_2"},
        {"version": 2},
    ],
)
def test_a_sealed_value_moved_to_another_row_does_not_open(
    keys: LocalKeyEncryption, sealed: bytes, other: dict[str, object]
) -> None:
    mine = {"account_id": "acc_1", "box_id": "box_1", "key_id": "key_1", "version": 1}
    assert not _opens(sealed, key_context(**(mine | other)), keys)


def test_another_key_encryption_key_opens_nothing(tmp_path: Path, sealed: bytes) -> None:
    assert not _opens(sealed, CONTEXT, LocalKeyEncryption(tmp_path / "another"))


def test_the_same_key_file_opens_it_in_another_process_life(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    sealed = seal(KAPPA, context=CONTEXT, keys=LocalKeyEncryption(path))
    assert unseal(sealed, context=CONTEXT, keys=LocalKeyEncryption(path)) == KAPPA


def test_a_refusal_does_not_say_why_nor_show_a_byte(keys: LocalKeyEncryption, sealed: bytes) -> None:
    with pytest.raises(SealBroken) as short:
        unseal(b"sdb1", context=CONTEXT, keys=keys)
    with pytest.raises(SealBroken) as moved:
        unseal(sealed, context="another", keys=keys)
    assert str(short.value) == str(moved.value)


def test_a_key_file_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys" / "kek"
    before = os.umask(0)
    try:
        read_key_file(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["kek"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek"
    read_key_file(path)
    path.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_file_of_the_wrong_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "kek"
    path.write_bytes(b"k" * length)
    path.chmod(0o600)
    with pytest.raises(ValueError, match="exactly 32 bytes"):
        read_key_file(path)


def test_all_who_ask_for_a_new_key_file_at_once_get_the_same_key(tmp_path: Path) -> None:
    path, start = tmp_path / "kek", threading.Barrier(8)
    found: list[bytes] = []

    def ask() -> None:
        start.wait()
        found.append(read_key_file(path).reveal())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {path.read_bytes()}


def test_what_a_killed_process_left_half_made_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / f"kek.{os.getpid()}.tmp").write_bytes(b"half")
    assert len(read_key_file(tmp_path / "kek")) == 32


def test_a_derived_secret_is_always_the_same_and_another_for_each_label_and_value(
    keys: LocalKeyEncryption, sealed: bytes
) -> None:
    found = derive(sealed, context=CONTEXT, label="a", keys=keys)

    assert found == derive(sealed, context=CONTEXT, label="a", keys=keys)
    assert len(found) == 32
    assert found != derive(sealed, context=CONTEXT, label="b", keys=keys)
    sealed_again = seal(KAPPA, context=CONTEXT, keys=keys)
    assert found != derive(sealed_again, context=CONTEXT, label="a", keys=keys)  # it does not come from the value


def test_nothing_is_derived_in_another_context_or_under_another_key(
    keys: LocalKeyEncryption, sealed: bytes, tmp_path: Path
) -> None:
    with pytest.raises(SealBroken):
        derive(sealed, context="another", label="a", keys=keys)
    with pytest.raises(SealBroken):
        derive(sealed, context=CONTEXT, label="a", keys=LocalKeyEncryption(tmp_path / "another"))


def _opens(sealed: bytes, context: str, keys: LocalKeyEncryption) -> bool:
    try:
        unseal(sealed, context=context, keys=keys)
    except SealBroken:
        return False
    return True
