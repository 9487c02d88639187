"""Files in parts: each part and the whole are what was announced, or nothing is kept."""

import hashlib
import logging
from collections.abc import Iterable

import pytest

from sdb_service.tables import AuditEvent, Upload
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.sending import Sender, begin, put, send, stored

CONTENT = bytes(range(256)) * 640  # two parts and a half


def test_a_file_in_parts_arrives_whole(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    assert (upload["parts_expected"], [one["number"] for one in upload["addresses"]]) == (3, [1, 2, 3])

    answer = send(house, provider, upload, CONTENT)

    assert answer.json()["state"] == "complete"
    assert [part["number"] for part in answer.json()["parts"]] == [1, 2, 3]
    key = f"uploads/{upload['id']}/content"
    assert stored(house, upload) == [key]
    assert b"".join(house.runtime.storage.read(key)) == CONTENT


def test_completing_twice_changes_nothing(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    first = send(house, provider, upload, CONTENT)

    again = house.post(provider, f"/v1/uploads/{upload['id']}/complete")

    assert (again.status_code, again.json()) == (200, first.json())
    assert house.count(AuditEvent, AuditEvent.object_id == upload["id"]) == 1


def test_what_is_missing_is_named_and_the_rest_need_not_come_again(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    size = upload["part_bytes"]
    put(house, provider, upload, 2, CONTENT[size : 2 * size])

    answer = house.post(provider, f"/v1/uploads/{upload['id']}/complete")

    assert "[1, 3]" in problem_of(answer, 409, "upload_parts_missing")["detail"]
    seen = house.get(provider, f"/v1/uploads/{upload['id']}").json()
    assert [one["number"] for one in seen["addresses"]] == [1, 3]
    put(house, provider, upload, 1, CONTENT[:size])
    put(house, provider, upload, 3, CONTENT[2 * size :])
    assert house.post(provider, f"/v1/uploads/{upload['id']}/complete").json()["state"] == "complete"


@pytest.mark.parametrize(
    ("number", "part", "digest", "status", "code"),
    [
        (1, CONTENT[:65_537], None, 413, "part_too_large"),
        (1, CONTENT[:65_535], None, 422, "part_truncated"),
        (1, b"", None, 422, "part_truncated"),
        (3, CONTENT[:65_536], None, 413, "part_too_large"),
        (1, CONTENT[:65_536], "0" * 64, 422, "sha256_mismatch"),
        (1, CONTENT[:65_536], "not a digest", 422, "sha256_mismatch"),
        (0, CONTENT[:65_536], None, 422, "part_number_invalid"),
        (4, CONTENT[:65_536], None, 422, "part_number_invalid"),
        (10**30, CONTENT[:65_536], None, 422, "part_number_invalid"),
    ],
)
def test_a_part_that_is_not_as_announced_leaves_nothing(
    house: House, provider: Person, number: int, part: bytes, digest: str | None, status: int, code: str
) -> None:
    upload = begin(house, provider, CONTENT)
    headers = {"X_Content_SHA256": digest} if digest else {}

    problem_of(put(house, provider, upload, number, part, **headers), status, code)

    assert stored(house, upload) == []
    assert house.get(provider, f"/v1/uploads/{upload['id']}").json()["parts"] == []


def test_a_bad_part_does_not_replace_a_good_one(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    good = CONTENT[: upload["part_bytes"]]
    digest = hashlib.sha256(good).hexdigest()
    assert put(house, provider, upload, 1, good, X_Content_SHA256=digest.upper()).json()["sha256"] == digest

    problem_of(put(house, provider, upload, 1, good[:-1]), 422, "part_truncated")

    assert [part["sha256"] for part in house.get(provider, f"/v1/uploads/{upload['id']}").json()["parts"]] == [digest]
    assert send(house, provider, upload, CONTENT).status_code == 200


def test_a_whole_with_another_digest_is_dropped_and_can_be_sent_again(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)

    problem_of(send(house, provider, upload, CONTENT[::-1]), 422, "sha256_mismatch")

    assert stored(house, upload) == []
    seen = house.get(provider, f"/v1/uploads/{upload['id']}").json()
    assert (seen["state"], seen["parts"], len(seen["addresses"])) == ("open", [], 3)
    assert send(house, provider, upload, CONTENT).json()["state"] == "complete"


def test_a_finished_upload_takes_no_parts_and_stays_while_something_stands_on_it(
    house: House, provider: Person
) -> None:
    upload = begin(house, provider, CONTENT)
    send(house, provider, upload, CONTENT)
    assert house.post(provider, "/v1/datasets", {"name": "x", "upload_id": upload["id"]}).status_code == 201

    problem_of(put(house, provider, upload, 1, CONTENT[: upload["part_bytes"]]), 409, "upload_closed")
    path = f"/v1/uploads/{upload['id']}"
    problem_of(house.http.delete(path, headers=provider.headers), 409, "upload_in_use")
    assert stored(house, upload) == [f"uploads/{upload['id']}/content"]


def test_a_finished_upload_on_which_nothing_stands_is_thrown_away(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    send(house, provider, upload, CONTENT)
    path = f"/v1/uploads/{upload['id']}"

    assert house.http.delete(path, headers=provider.headers).status_code == 204

    assert stored(house, upload) == []
    problem_of(house.get(provider, path), 404, "upload_not_found")


def test_a_file_over_the_limit_is_refused_before_a_byte(house: House, provider: Person) -> None:
    body = {"filename": "x.zip", "size": house.runtime.settings.max_upload_bytes + 1, "sha256": "0" * 64}

    problem_of(house.post(provider, "/v1/uploads", body), 413, "upload_too_large")

    assert house.count(Upload, Upload.account_id == provider.id) == 0


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "..\\x", "x" * 256, "a\x00b", "a\nb"])
def test_a_file_name_is_a_name_and_no_path(house: House, provider: Person, name: str) -> None:
    body = {"filename": name, "size": 3, "sha256": "0" * 64}

    problem_of(house.post(provider, "/v1/uploads", body), 422, "request_invalid")


def test_an_unfinished_upload_makes_no_model(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)

    answer = house.post(provider, "/v1/datasets", {"name": "x", "upload_id": upload["id"]})

    problem_of(answer, 409, "upload_incomplete")


@pytest.mark.parametrize("sender", ["nobody", "a stranger", "a customer"])
def test_who_may_not_send_is_refused_before_the_body_is_read(house: House, provider: Person, sender: str) -> None:
    upload = begin(house, provider, CONTENT)
    headers = {"nobody": {}, "a stranger": house.person("provider").headers}.get(
        sender, house.person("customer").headers
    )
    request = Sender(house, "PUT", f"/v1/uploads/{upload['id']}/parts/1", headers | {"Content-Length": str(10**12)})

    status = request.send(b"x" * 65_536 for _ in range(100))

    assert status == (401 if sender == "nobody" else 404)
    assert request.bytes_read == 0


def test_too_long_a_part_is_refused_while_it_comes(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    request = Sender(house, "PUT", f"/v1/uploads/{upload['id']}/parts/1", provider.headers)

    assert request.send(b"x" * 65_536 for _ in range(1000)) == 413

    assert request.bytes_read < 64 * 65_536
    assert stored(house, upload) == []


def test_a_sender_who_goes_away_leaves_nothing(
    house: House, provider: Person, caplog: pytest.LogCaptureFixture
) -> None:
    upload = begin(house, provider, CONTENT)
    request = Sender(house, "PUT", f"/v1/uploads/{upload['id']}/parts/1", provider.headers)

    request.send([CONTENT[:30_000]], goes_away=True)

    assert request.bytes_read == 30_000
    assert stored(house, upload) == []
    assert put(house, provider, upload, 1, CONTENT[: upload["part_bytes"]]).status_code == 200
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_discarded_upload_is_gone_with_its_parts(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    put(house, provider, upload, 1, CONTENT[: upload["part_bytes"]])
    path = f"/v1/uploads/{upload['id']}"

    assert house.http.delete(path, headers=provider.headers).status_code == 204

    assert stored(house, upload) == []
    problem_of(house.get(provider, path), 404, "upload_not_found")


def test_a_part_that_comes_while_its_upload_is_thrown_away_leaves_nothing(
    house: House, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(house, provider, CONTENT)
    path = f"/v1/uploads/{upload['id']}"
    storage = house.runtime.storage
    write_part = storage.write_part

    def write_and_lose(key: str, number: int, chunks: Iterable[bytes]) -> None:
        write_part(key, number, chunks)
        assert house.http.delete(path, headers=provider.headers).status_code == 204
        write_part(key, number, [b"late"])

    monkeypatch.setattr(storage, "write_part", write_and_lose)
    problem_of(put(house, provider, upload, 1, CONTENT[: upload["part_bytes"]]), 404, "upload_not_found")

    assert storage.parts(f"uploads/{upload['id']}/content", None) == {}


def test_a_file_that_is_joined_while_its_upload_is_thrown_away_leaves_nothing(
    house: House, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(house, provider, CONTENT)
    path = f"/v1/uploads/{upload['id']}"
    storage = house.runtime.storage
    join_parts = storage.join_parts

    def join_and_lose(key: str, ref: str | None) -> None:
        join_parts(key, ref)
        content = b"".join(storage.read(key))
        assert house.http.delete(path, headers=provider.headers).status_code == 204
        storage.put_bytes(key, content)

    monkeypatch.setattr(storage, "join_parts", join_and_lose)

    problem_of(send(house, provider, upload, CONTENT), 404, "upload_not_found")

    assert stored(house, upload) == []
