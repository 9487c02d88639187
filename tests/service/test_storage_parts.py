"""Uploads in parts: through the service into a folder, or by presigned address straight into a bucket."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx2
import pytest

from sdb_service.settings import Settings
from sdb_service.storage import Storage, open_storage

KEY = "uploads/upl_1/content"
FIVE_MIB = 5 * 2**20  # the least that S3 takes for a part that is not the last
FIRST, LAST = b"a" * FIVE_MIB, b"the end"


@dataclass(frozen=True)
class Sender:
    """A client that sends parts as the store wants them."""

    storage: Storage
    ref: str | None

    def send(self, number: int, content: bytes) -> None:
        address = self.storage.part_address(KEY, self.ref, number)
        if address is None:
            self.storage.write_part(KEY, number, [content])
            return
        answer = httpx2.put(address, content=content)
        assert answer.status_code == 200, answer.text

    def send_all(self, parts: Mapping[int, bytes]) -> None:
        for number, content in parts.items():
            self.send(number, content)


@pytest.fixture
def sender(any_settings: Settings) -> Sender:
    storage = open_storage(any_settings)
    return Sender(storage, storage.begin_parts(KEY))


def test_parts_in_any_order_become_the_file_in_order(sender: Sender) -> None:
    sender.send_all({2: LAST, 1: FIRST})
    sender.storage.join_parts(KEY, sender.ref)
    assert b"".join(sender.storage.read(KEY)) == FIRST + LAST


def test_a_single_part_may_be_small(sender: Sender) -> None:
    sender.send(1, LAST)
    sender.storage.join_parts(KEY, sender.ref)
    assert b"".join(sender.storage.read(KEY)) == LAST


def test_the_store_says_which_parts_have_arrived_and_how_large(sender: Sender) -> None:
    assert sender.storage.parts(KEY, sender.ref) == {}
    sender.send_all({3: LAST, 1: FIRST})
    assert sender.storage.parts(KEY, sender.ref) == {1: FIVE_MIB, 3: len(LAST)}


def test_a_part_sent_twice_stands_as_it_was_sent_last(sender: Sender) -> None:
    sender.send_all({1: FIRST, 2: b"wrong and too long"})
    sender.send(2, LAST)
    assert sender.storage.parts(KEY, sender.ref) == {1: FIVE_MIB, 2: len(LAST)}
    sender.storage.join_parts(KEY, sender.ref)
    assert b"".join(sender.storage.read(KEY)) == FIRST + LAST


def test_nothing_is_to_be_seen_before_the_parts_are_joined(sender: Sender) -> None:
    sender.send(1, LAST)
    assert not sender.storage.exists(KEY)


def test_parts_that_have_not_been_joined_are_no_files(sender: Sender) -> None:
    sender.send(1, LAST)
    assert sender.storage.keys("uploads") == []


def test_joined_parts_leave_nothing_behind(sender: Sender) -> None:
    sender.send(1, LAST)
    sender.storage.join_parts(KEY, sender.ref)
    assert sender.storage.keys("uploads") == [KEY]
    assert sender.storage.parts(KEY, sender.ref) == {}


def test_dropped_parts_are_gone_and_can_be_dropped_again(sender: Sender) -> None:
    sender.send(1, LAST)
    sender.storage.drop_parts(KEY, sender.ref)
    sender.storage.drop_parts(KEY, sender.ref)
    assert sender.storage.parts(KEY, sender.ref) == {}
    assert not sender.storage.exists(KEY)


def test_an_upload_can_begin_again_after_its_parts_were_dropped(sender: Sender) -> None:
    sender.send(1, b"wrong")
    sender.storage.drop_parts(KEY, sender.ref)
    again = Sender(sender.storage, sender.storage.begin_parts(KEY))
    again.send(1, LAST)
    again.storage.join_parts(KEY, again.ref)
    assert b"".join(again.storage.read(KEY)) == LAST


@pytest.mark.production
def test_a_presigned_address_takes_a_bare_put_without_any_header_of_ours(production_settings: Settings) -> None:
    storage = open_storage(production_settings)
    address = storage.part_address(KEY, storage.begin_parts(KEY), 1)
    assert address is not None
    signed = httpx2.URL(address).params
    assert signed["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert signed["X-Amz-SignedHeaders"] == "host"
    assert not [name for name in signed if "checksum" in name.lower()]


@pytest.mark.production
def test_a_presigned_address_does_not_carry_the_secret(production_settings: Settings) -> None:
    storage = open_storage(production_settings)
    secret = production_settings.s3_secret_access_key
    address = storage.part_address(KEY, storage.begin_parts(KEY), 1)
    assert secret is not None
    assert address is not None
    assert secret.get_secret_value() not in address


@pytest.mark.production
def test_a_bucket_takes_no_parts_through_the_service(production_settings: Settings) -> None:
    chunks: Iterable[bytes] = [b"x"]
    with pytest.raises(NotImplementedError):
        open_storage(production_settings).write_part(KEY, 1, chunks)


@pytest.mark.production
def test_a_store_that_is_only_compatible_gets_no_checksums_it_does_not_know(production_settings: Settings) -> None:
    settings = production_settings.model_copy(update={"s3_compatible": True})
    storage = open_storage(settings)
    sender = Sender(storage, storage.begin_parts(KEY))
    sender.send(1, LAST)
    storage.join_parts(KEY, sender.ref)
    assert b"".join(storage.read(KEY)) == LAST
