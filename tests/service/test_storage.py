"""A folder and a bucket behave the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdb_service.errors import NotFound
from sdb_service.settings import Settings
from sdb_service.storage import LocalStorage, Storage, open_storage
from tests.servers.s3 import KEYS_ON_A_PAGE

BIG = bytes(range(256)) * 8192 + b"and a bit"  # two chunks and a bit


@pytest.fixture
def storage(any_settings: Settings) -> Storage:
    return open_storage(any_settings)


def test_what_was_put_can_be_read_in_chunks(storage: Storage) -> None:
    storage.put_bytes("jobs/one/box.onnx", BIG)
    chunks = list(storage.read("jobs/one/box.onnx"))
    assert b"".join(chunks) == BIG
    assert len(chunks) > 1


def test_a_file_can_be_put_and_fetched(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(BIG)
    storage.put_file("jobs/one/box.onnx", tmp_path / "source")
    storage.fetch("jobs/one/box.onnx", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == BIG


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    storage.put_bytes("jobs/one/empty", b"")
    assert storage.exists("jobs/one/empty")
    assert storage.size("jobs/one/empty") == 0
    assert b"".join(storage.read("jobs/one/empty")) == b""


def test_the_later_of_two_writes_stands(storage: Storage) -> None:
    storage.put_bytes("jobs/one/state", b"first and longer")
    storage.put_bytes("jobs/one/state", b"second")
    assert b"".join(storage.read("jobs/one/state")) == b"second"
    assert storage.size("jobs/one/state") == 6


def test_a_write_that_fails_leaves_the_file_that_was_there(storage: Storage, tmp_path: Path) -> None:
    storage.put_bytes("jobs/one/state", b"first")
    with pytest.raises(FileNotFoundError):
        storage.put_file("jobs/one/state", tmp_path / "never made")
    assert b"".join(storage.read("jobs/one/state")) == b"first"
    assert storage.keys("jobs") == ["jobs/one/state"]


def test_keys_are_those_of_the_folder_in_order(storage: Storage) -> None:
    for key in ("jobs/one/b", "jobs/one/a/deep", "jobs/oneself/c", "jobs/two/d"):
        storage.put_bytes(key, b"x")
    assert storage.keys("jobs/one") == ["jobs/one/a/deep", "jobs/one/b"]
    assert storage.keys("jobs/one/") == ["jobs/one/a/deep", "jobs/one/b"]
    assert storage.keys("jobs/none") == []
    assert len(storage.keys("")) == 4


def test_more_keys_than_one_page_holds_are_all_listed(storage: Storage) -> None:
    keys = [f"jobs/one/{number:04d}" for number in range(2 * KEYS_ON_A_PAGE + 3)]
    for key in keys:
        storage.put_bytes(key, b"")
    assert storage.keys("jobs/one") == keys


def test_what_was_deleted_is_gone_and_can_be_deleted_again(storage: Storage) -> None:
    storage.put_bytes("jobs/one/state", b"x")
    storage.delete("jobs/one/state")
    storage.delete("jobs/one/state")
    assert not storage.exists("jobs/one/state")
    assert storage.keys("jobs") == []


def test_what_is_missing_is_named_in_the_log_and_not_to_whoever_asked(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "target"
    for ask in (storage.read, storage.size, lambda key: storage.fetch(key, target)):
        caplog.clear()
        with pytest.raises(NotFound) as missing:
            ask("jobs/none")
        assert "jobs/none" not in missing.value.detail
        assert [record.__dict__["key"] for record in caplog.records] == ["jobs/none"]
    assert not target.exists()
    assert not storage.exists("jobs/none")


def test_reading_says_what_is_missing_before_the_first_chunk(storage: Storage) -> None:
    with pytest.raises(NotFound):
        storage.read("jobs/none")  # not even asked for a chunk: an answer has not begun yet


def test_a_folder_is_not_a_file(storage: Storage) -> None:
    storage.put_bytes("jobs/one/state", b"x")
    assert not storage.exists("jobs/one")
    with pytest.raises(NotFound):
        storage.size("jobs/one")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "jobs/../../outside", "jobs/one/../../../outside"])
def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    storage = LocalStorage(tmp_path / "files")
    (tmp_path / "outside").write_bytes(b"not yours")
    for ask in (storage.read, storage.size, storage.exists, storage.delete, storage.keys, storage.begin_parts):
        with pytest.raises(ValueError, match="outside the store"):
            ask(key)
    with pytest.raises(ValueError, match="outside the store"):
        storage.put_bytes(key, b"mine")
    assert (tmp_path / "outside").read_bytes() == b"not yours"


def test_a_key_that_a_link_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "files")
    (tmp_path / "outside").mkdir()
    (tmp_path / "files" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="outside the store"):
        storage.put_bytes("link/file", b"x")


def test_a_write_that_breaks_in_the_middle_shows_nothing(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "files")
    with pytest.raises(ConnectionAbortedError):
        storage.write_part("uploads/one", 1, _breaking())
    assert storage.parts("uploads/one", None) == {}
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def _breaking() -> Iterator[bytes]:
    yield b"some"
    raise ConnectionAbortedError
