"""An account uses what it may and no more; what is given back may be used again."""

from typing import Any

import pytest
from httpx2 import Response

from sdb_service import clock
from sdb_service.tables import AuditEvent, Job, Model
from tests.api.counting import limit, usage_of, use_of
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.sending import begin, send, stored

pytestmark = pytest.mark.trust

CONTENT = bytes(range(256)) * 4


def try_to_begin(house: House, who: Person, size: int) -> Response:
    return house.post(who, "/v1/uploads", {"filename": "x.zip", "size": size, "sha256": "0" * 64})


def test_an_upload_reserves_its_size_and_turns_it_into_use(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    assert use_of(house, provider, "stored_bytes") == (0, 1024)
    assert use_of(house, provider, "open_uploads") == (1, 0)

    send(house, provider, upload, CONTENT)

    assert use_of(house, provider, "stored_bytes") == (1024, 0)
    assert use_of(house, provider, "open_uploads") == (0, 0)


def test_what_does_not_fit_is_refused_with_what_is_used_the_limit_and_the_cure(
    house: House, admin: Person, provider: Person
) -> None:
    limit(house, admin, provider, stored_bytes=3000)
    send(house, provider, begin(house, provider, CONTENT), CONTENT)
    begin(house, provider, CONTENT)

    told = problem_of(try_to_begin(house, provider, 953), 409, "quota_exceeded")

    assert {name: told[name] for name in ("resource", "used", "reserved", "asked", "limit")} == {
        "resource": "stored_bytes",
        "used": 1024,
        "reserved": 1024,
        "asked": 953,
        "limit": 3000,
    }
    assert "delete uploads, models or datasets" in told["detail"]
    assert try_to_begin(house, provider, 952).status_code == 201


def test_a_discarded_upload_gives_its_room_back(house: House, admin: Person, provider: Person) -> None:
    limit(house, admin, provider, open_uploads=1)
    upload = begin(house, provider, CONTENT)
    assert problem_of(try_to_begin(house, provider, 1), 409, "quota_exceeded")["resource"] == "open_uploads"

    house.http.delete(f"/v1/uploads/{upload['id']}", headers=provider.headers)

    assert use_of(house, provider, "stored_bytes") == (0, 0)
    assert try_to_begin(house, provider, 1).status_code == 201


def test_a_file_goes_when_the_last_that_stands_on_it_is_deleted(house: House, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)
    send(house, provider, upload, CONTENT)
    first, second = (
        house.post(provider, "/v1/datasets", {"name": "d", "upload_id": upload["id"]}).json()["id"] for _ in range(2)
    )

    house.http.delete(f"/v1/datasets/{first}", headers=provider.headers)
    assert use_of(house, provider, "stored_bytes") == (1024, 0)
    house.http.delete(f"/v1/datasets/{second}", headers=provider.headers)

    assert use_of(house, provider, "stored_bytes") == (0, 0)
    assert stored(house, upload) == []
    answer = house.post(provider, "/v1/datasets", {"name": "d", "upload_id": upload["id"]})
    problem_of(answer, 404, "upload_not_found")


def test_a_model_that_a_job_still_needs_keeps_its_file_until_the_job_is_over(house: House, provider: Person) -> None:
    model, dataset = house.model(provider), house.dataset(provider)
    job = start(house, provider, model, dataset).json()["id"]
    size = use_of(house, provider, "stored_bytes")[0]

    assert house.http.delete(f"/v1/models/{model}", headers=provider.headers).status_code == 204

    assert use_of(house, provider, "stored_bytes")[0] == size == 3
    house.post(provider, f"/v1/jobs/{job}/cancel")
    with house.runtime.database.reading() as session:
        upload = session.get_one(Model, model).upload_id
    assert house.http.delete(f"/v1/uploads/{upload}", headers=provider.headers).status_code == 204
    assert use_of(house, provider, "stored_bytes") == (0, 0)


def start(house: House, who: Person, model: str, dataset: str) -> Response:
    return house.post(who, "/v1/jobs", {"model_id": model, "dataset_id": dataset, "policy": "sdb"})


def test_a_job_reserves_room_for_its_artifacts_and_gives_it_back_when_cancelled(house: House, provider: Person) -> None:
    job = start(house, provider, house.model(provider), house.dataset(provider)).json()
    assert use_of(house, provider, "stored_bytes") == (3, 4 * 3 + 16 * 2**20)
    assert use_of(house, provider, "active_jobs") == (1, 0)

    house.post(provider, f"/v1/jobs/{job['id']}/cancel")

    assert use_of(house, provider, "stored_bytes") == (3, 0)
    assert use_of(house, provider, "active_jobs") == (0, 0)


def test_jobs_that_wait_or_run_are_bounded(house: House, admin: Person, provider: Person) -> None:
    limit(house, admin, provider, active_jobs=1)
    model, dataset = house.model(provider), house.dataset(provider)
    job = start(house, provider, model, dataset).json()["id"]
    assert problem_of(start(house, provider, model, dataset), 409, "quota_exceeded")["resource"] == "active_jobs"

    house.post(provider, f"/v1/jobs/{job}/cancel")

    assert start(house, provider, model, dataset).status_code == 202


def test_jobs_of_a_day_are_bounded_and_the_wait_is_told(house: House, admin: Person, provider: Person) -> None:
    limit(house, admin, provider, jobs_a_day=2)
    model, dataset = house.model(provider), house.dataset(provider)
    first = start(house, provider, model, dataset).json()["id"]
    start(house, provider, model, dataset)
    with house.runtime.database.transaction() as session:
        session.get_one(Job, first).created_at = clock.after(-24 * 3600 + 100)

    refused = start(house, provider, model, dataset)

    problem_of(refused, 429, "quota_exceeded")
    assert 98 <= int(refused.headers["retry-after"]) <= 101
    with house.runtime.database.transaction() as session:
        session.get_one(Job, first).created_at = clock.after(-24 * 3600 - 1)
    assert start(house, provider, model, dataset).status_code == 202


def test_a_lower_limit_takes_nothing_away(house: House, admin: Person, provider: Person) -> None:
    upload = begin(house, provider, CONTENT)

    limit(house, admin, provider, stored_bytes=0)

    assert send(house, provider, upload, CONTENT).status_code == 200
    assert use_of(house, provider, "stored_bytes") == (1024, 0)
    problem_of(try_to_begin(house, provider, 1), 409, "quota_exceeded")


def test_limits_left_out_stay_and_null_goes_back_to_the_usual(house: House, admin: Person, provider: Person) -> None:
    limit(house, admin, provider, stored_bytes=5, tokens=7)
    limit(house, admin, provider, stored_bytes=None)

    found = {one["resource"]: (one["limit"], one["is_default"]) for one in usage_of(house, provider)}

    assert found["tokens"] == (7, False)
    assert found["stored_bytes"] == (house.runtime.settings.quota_stored_bytes, True)
    assert house.count(AuditEvent, AuditEvent.action == "account.quotas", AuditEvent.object_id == provider.id) == 2


def test_only_an_admin_chooses_limits_and_a_stranger_sees_none(house: House, admin: Person, provider: Person) -> None:
    path, stranger = f"/v1/accounts/{provider.id}/quotas", house.person("provider")

    assert house.get(provider, path).json()["account_id"] == provider.id
    assert house.get(admin, path).json()["account_id"] == provider.id
    problem_of(house.get(stranger, path), 404, "account_not_found")
    for who in (provider, stranger, house.person("customer")):
        answer = house.http.patch(path, json={"stored_bytes": 2**50}, headers=who.headers)
        problem_of(answer, 403, "role_not_allowed")
    missing = house.http.patch("/v1/accounts/acc_none/quotas", json={"tokens": 1}, headers=admin.headers)
    problem_of(missing, 404, "account_not_found")


@pytest.mark.parametrize("body", [{"stored_bytes": -1}, {"gold": 1}, {"tokens": "many"}, {"tokens": 2**63}])
def test_a_limit_is_a_number_of_a_known_resource(
    house: House, admin: Person, provider: Person, body: dict[str, Any]
) -> None:
    answer = house.http.patch(f"/v1/accounts/{provider.id}/quotas", json=body, headers=admin.headers)

    problem_of(answer, 422, "request_invalid")
