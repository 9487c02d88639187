"""Issuing license files: for whom, for how long, and under which key."""

import base64
from datetime import timedelta

import pytest

from sdb_client.license_files import verify
from sdb_service import clock
from sdb_service.runtime import open_runtime
from sdb_service.tables import AuditEvent, License
from tests.api.license_file import file_of, pinned, refusal_of
from tests.api.moving import moving_clock
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

pytestmark = pytest.mark.trust


@pytest.fixture
def box(house: House, provider: Person) -> str:
    return house.box(provider)


@pytest.fixture
def held(house: House, provider: Person, customer: Person, box: str) -> str:
    return house.license(provider, box, customer)


@pytest.fixture
def file(house: House, customer: Person, held: str) -> bytes:
    return file_of(house, customer, held)


def test_a_file_never_outlives_its_license(house: House, provider: Person, customer: Person, box: str) -> None:
    key, ends = pinned(house), clock.after(3600)
    named = house.license(provider, box, customer, expires_at=ends.isoformat())
    counted = house.license(provider, box, customer, valid_for_days=1)
    with moving_clock() as moving:
        before_use = verify(file_of(house, customer, counted), public_key=key)
        house.get(customer, f"/v1/licenses/{counted}/key")
        end = moving.now + timedelta(days=1)
        moving.go_on(timedelta(minutes=10))
        found = [verify(file_of(house, customer, one), public_key=key, at=moving.now) for one in (named, counted)]

    assert before_use.expires_at == end
    assert [one.expires_at for one in found] == [one.license_expires_at for one in found] == [ends, end]


@pytest.mark.parametrize("act", ["suspend", "revoke", "expire"])
def test_a_license_that_is_not_good_gets_no_file(
    house: House, provider: Person, customer: Person, held: str, act: str
) -> None:
    if act == "expire":
        with house.runtime.database.transaction() as session:
            session.get_one(License, held).expires_at = clock.now()
    else:
        house.post(provider, f"/v1/licenses/{held}/{act}")

    code = {"suspend": "license_suspended", "revoke": "license_revoked", "expire": "license_expired"}[act]
    problem_of(house.get(customer, f"/v1/licenses/{held}/file"), 403, code)
    assert house.count(AuditEvent, AuditEvent.action == "license.file", AuditEvent.object_id == held) == 0


def test_a_file_is_for_both_sides_and_recorded(house: House, provider: Person, customer: Person, held: str) -> None:
    for who in (provider, customer):
        file_of(house, who, held)
    problem_of(house.get(house.person("customer"), f"/v1/licenses/{held}/file"), 404, "license_not_found")
    problem_of(house.get(NOBODY, f"/v1/licenses/{held}/file"), 401, "token_missing")

    assert house.count(AuditEvent, AuditEvent.action == "license.file", AuditEvent.object_id == held) == 2


def test_old_public_keys_stay_listed_after_a_change_of_the_key(
    house: House, customer: Person, held: str, file: bytes
) -> None:
    runtime = house.runtime
    old, path = runtime.signing, runtime.settings.effective_signing_key_file
    kept = path.read_bytes()
    try:
        path.unlink()
        changed = open_runtime(runtime.settings)
        changed.database.close()
        object.__setattr__(runtime, "signing", changed.signing)
        rows = house.get(NOBODY, "/v1/signing-keys").json()["data"]
        fresh = file_of(house, customer, held)
    finally:
        object.__setattr__(runtime, "signing", old)
        path.write_bytes(kept)

    assert [row["id"] for row in rows[:2]] == [changed.signing.key_id, old.key_id]
    assert [row["current"] for row in rows[:2]] == [True, False]
    every = [row["public_key"] for row in rows]
    assert verify(file, public_key=every).license_id == verify(fresh, public_key=every).license_id == held
    assert refusal_of(lambda: verify(fresh, public_key=old.public_key_text)) == "license_file_unknown_key"
    listed = house.get(NOBODY, "/v1/signing-keys").json()["data"]
    assert {row["id"]: row["current"] for row in listed} == {old.key_id: True, changed.signing.key_id: False}


def test_the_private_key_is_in_no_answer(house: House, file: bytes) -> None:
    secret = house.runtime.settings.effective_signing_key_file.read_bytes()

    told = file + house.get(NOBODY, "/v1/signing-keys").content
    for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert form not in told
