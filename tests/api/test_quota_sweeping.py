"""What nobody finishes or uses goes by itself, and its room comes back: on files and on S3."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import update

from sdb_service import clock
from sdb_service.quotas.freeing import sweep_rows, sweep_storage
from sdb_service.tables import AuditEvent, IdempotentAnswer, LoginLink, Upload
from tests.api.counting import use_of
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

CONTENT = bytes(range(256)) * 4
WEEK = 7 * 24 * 3600


@pytest.fixture
def sender(each_house: House) -> Person:
    return each_house.person("provider")


def begin(house: House, who: Person) -> str:
    body = {"filename": "x.zip", "size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    return str(house.post(who, "/v1/uploads", body).json()["id"])


def finished(house: House, who: Person) -> str:
    """A finished upload with its bytes in the store."""
    upload_id = begin(house, who)
    with house.runtime.database.transaction() as session:
        upload = session.get_one(Upload, upload_id)
        house.runtime.storage.drop_parts(upload.storage_key, upload.multipart_ref)
        house.runtime.storage.put_bytes(upload.storage_key, CONTENT)
        upload.state, upload.completed_at = "complete", clock.now()
    return upload_id


def age(house: House, upload_id: str, seconds: float) -> None:
    values: dict[str, Any] = {"created_at": clock.after(-seconds)}
    with house.runtime.database.transaction() as session:
        if session.get_one(Upload, upload_id).completed_at is not None:
            values["completed_at"] = clock.after(-seconds)
        session.execute(update(Upload).where(Upload.id == upload_id).values(values))


def lies(house: House, upload_id: str) -> bool:
    return house.runtime.storage.exists(f"uploads/{upload_id}/content")


def test_an_upload_nobody_finishes_is_given_up_after_a_week(each_house: House, sender: Person) -> None:
    old, young = begin(each_house, sender), begin(each_house, sender)
    age(each_house, old, WEEK + 1)
    age(each_house, young, WEEK - 60)

    assert old in sweep_storage(each_house.runtime)

    assert use_of(each_house, sender, "stored_bytes") == (0, 1024)
    problem_of(each_house.get(sender, f"/v1/uploads/{old}"), 404, "upload_not_found")
    assert each_house.get(sender, f"/v1/uploads/{young}").status_code == 200
    assert each_house.count(AuditEvent, AuditEvent.object_id == old, AuditEvent.action == "upload.expire") == 1


def test_a_finished_upload_that_nobody_uses_goes_after_a_week_and_a_used_one_stays(
    each_house: House, sender: Person
) -> None:
    unused, used, young = (finished(each_house, sender) for _ in range(3))
    assert each_house.post(sender, "/v1/datasets", {"name": "d", "upload_id": used}).status_code == 201
    age(each_house, unused, WEEK + 1)
    age(each_house, used, WEEK + 1)

    sweep_storage(each_house.runtime)

    assert [lies(each_house, one) for one in (unused, used, young)] == [False, True, True]
    assert use_of(each_house, sender, "stored_bytes") == (2048, 0)


def test_a_deletion_that_broke_off_counts_until_the_sweeper_has_finished_it(
    each_house: House, sender: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = finished(each_house, sender)

    def fail(_key: str) -> None:
        raise OSError("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(each_house.runtime.storage, "delete", fail)
        each_house.http.delete(f"/v1/uploads/{upload}", headers=sender.headers)

    assert lies(each_house, upload)
    assert use_of(each_house, sender, "stored_bytes") == (1024, 0)
    assert sweep_storage(each_house.runtime) == [upload]
    assert not lies(each_house, upload)
    assert use_of(each_house, sender, "stored_bytes") == (0, 0)


def test_a_file_kept_for_a_job_goes_once_the_job_is_over(each_house: House, sender: Person) -> None:
    model, dataset = each_house.model(sender), each_house.dataset(sender)
    job = each_house.post(sender, "/v1/jobs", {"model_id": model, "dataset_id": dataset, "policy": "sdb"}).json()["id"]
    each_house.http.delete(f"/v1/models/{model}", headers=sender.headers)
    sweep_storage(each_house.runtime)
    assert use_of(each_house, sender, "stored_bytes")[0] == 3

    each_house.post(sender, f"/v1/jobs/{job}/cancel")
    sweep_storage(each_house.runtime)

    assert use_of(each_house, sender, "stored_bytes") == (0, 0)


def test_answers_kept_for_repeats_and_dead_login_links_are_swept(each_house: House, sender: Person) -> None:
    body = {"name": "d", "builtin": "builtin:digits"}
    for key in ("old", "young"):
        each_house.post(sender, "/v1/datasets", body, Idempotency_Key=key)
    for _ in range(2):
        each_house.post(sender, "/v1/login-links")
    with each_house.runtime.database.transaction() as session:
        session.get_one(IdempotentAnswer, (sender.id, "old")).created_at = clock.after(-24 * 3600 - 1)
        session.query(LoginLink).filter(LoginLink.account_id == sender.id).limit(1).one().expires_at = clock.after(
            -25 * 3600
        )

    sweep_rows(each_house.runtime)

    assert each_house.count(IdempotentAnswer, IdempotentAnswer.account_id == sender.id) == 1
    assert each_house.count(LoginLink, LoginLink.account_id == sender.id) == 1
