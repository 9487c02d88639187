"""License files: believed as they were signed, for the days they name, and otherwise not at all."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import sdb_client
from sdb_client import LicenseFileRefused
from sdb_client.license_files import TOLERANCE, LicenseFile, verify
from sdb_service import clock
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.signing import SigningKey
from sdb_service.tables import AuditEvent, License
from tests.api.moving import moving_clock
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

pytestmark = pytest.mark.trust


def file_of(house: House, who: Person, held: str) -> bytes:
    answer = house.get(who, f"/v1/licenses/{held}/file")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.content


def pinned(house: House) -> str:
    return str(house.get(NOBODY, "/v1/signing-keys").json()["data"][0]["public_key"])


def signed(runtime: Runtime, stated: dict[str, object]) -> bytes:
    """A file that states anything, under the service's own key."""
    message = f"sdb-license/1\n{json.dumps(stated)}\nkey {runtime.signing.key_id}\n".encode()
    return message + f"signature {runtime.signing.sign(message).hex()}\n".encode()


def code_of(check: Callable[[], object]) -> str:
    with pytest.raises(LicenseFileRefused) as refused:
        check()
    assert len(refused.value.detail) > 20
    return refused.value.code


@pytest.fixture
def box(house: House, provider: Person) -> str:
    return house.box(provider)


@pytest.fixture
def held(house: House, provider: Person, customer: Person, box: str) -> str:
    return house.license(provider, box, customer)


@pytest.fixture
def file(house: House, customer: Person, held: str) -> bytes:
    return file_of(house, customer, held)


def test_a_file_says_what_the_license_is(
    house: House, provider: Person, customer: Person, box: str, held: str, file: bytes
) -> None:
    found = verify(file, public_key=pinned(house))

    assert (found.license_id, found.box_id) == (held, box)
    assert (found.provider_id, found.customer_id) == (provider.id, customer.id)
    assert (found.mode, found.state) == ("delivered", "active")
    assert found.entitlements == ("key:download", "distill", "box:download")
    assert found.expires_at - found.issued_at == timedelta(days=14)
    assert found.license_expires_at is None
    assert abs(clock.now() - found.issued_at) < timedelta(minutes=1)


def test_a_file_proves_which_key_it_is_for(
    house: House, provider: Person, customer: Person, held: str, file: bytes
) -> None:
    own = sdb_client.Key.from_bytes(house.get(customer, f"/v1/licenses/{held}/key").content)
    other_box = house.box(provider)
    other = house.license(provider, other_box, customer)
    others = sdb_client.Key.from_bytes(house.get(customer, f"/v1/licenses/{other}/key").content)
    found = verify(file, public_key=pinned(house))

    found.require_key(own)

    assert found.key_sha256 == hashlib.sha256(own.kappa.tobytes()).hexdigest()
    assert code_of(lambda: found.require_key(others)) == "license_file_other_key"
    assert code_of(lambda: found.require_key(replace(own, box_id=other_box))) == "license_file_other_key"
    assert code_of(lambda: found.require_entitlement("predict")) == "license_file_not_entitled"
    found.require_entitlement("distill")


@pytest.mark.parametrize("terms", [{"mode": "hosted"}, {"entitlements": ["distill"]}])
def test_a_license_that_gives_no_key_names_none(
    house: House, provider: Person, customer: Person, box: str, terms: dict[str, object]
) -> None:
    found = verify(file_of(house, customer, house.license(provider, box, customer, **terms)), public_key=pinned(house))

    assert (found.key_sha256, found.entitlements) == (None, ("distill",))


def test_no_bit_of_a_file_can_be_flipped(house: House, file: bytes) -> None:
    key, passed, codes = pinned(house), [], set()
    for bit in range(len(file) * 8):
        changed = bytearray(file)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            verify(bytes(changed), public_key=key)
            passed.append(bit)
        except LicenseFileRefused as refused:
            codes.add(refused.code)

    assert len(file) * 8 > 1000
    assert passed == []
    assert codes == {"license_file_changed", "license_file_unreadable", "license_file_unknown_key"}


def test_a_file_cut_lengthened_or_written_otherwise_is_refused(house: House, file: bytes) -> None:
    key = pinned(house)
    others = [file[:length] for length in range(len(file))]
    others += [
        file + b"\n",
        file + b"\0",
        b"\n" + file,
        file.replace(b"\n", b"\r\n"),
        file.upper(),
        file * 2,
        b"x" * 10**6,
    ]
    head, _, signature = file.rpartition(b"signature ")
    others += [head + b"signature " + signature.upper(), file.replace(b'":"', b'": "')]

    assert {code_of(lambda each=each: verify(each, public_key=key)) for each in others} == {
        "license_file_unreadable",
        "license_file_changed",
    }


def test_another_services_key_does_not_make_a_file_good(house: House, file: bytes, tmp_path: Path) -> None:
    other = SigningKey(tmp_path / "keys" / "signing-key")

    assert code_of(lambda: verify(file, public_key=other.public_key_text)) == "license_file_unknown_key"
    renamed = file.replace(house.runtime.signing.key_id.encode(), other.key_id.encode())
    assert code_of(lambda: verify(renamed, public_key=other.public_key_text)) == "license_file_changed"
    message = renamed.rpartition(b"signature ")[0]
    forged = message + f"signature {other.sign(message).hex()}\n".encode()
    assert verify(forged, public_key=other.public_key_text)  # good under that key, and so under ours it is not
    assert code_of(lambda: verify(forged, public_key=pinned(house))) == "license_file_unknown_key"
    assert verify(file, public_key=[other.public_key_text, pinned(house)])


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "é", "ed25519:" + base64.b64encode(bytes(31)).decode()]
)
def test_a_public_key_that_is_none_is_said_to_be_none(file: bytes, text: str) -> None:
    assert code_of(lambda: verify(file, public_key=text)) == "public_key_unreadable"


def test_a_signature_over_something_else_is_none_over_a_license(house: House, file: bytes) -> None:
    stated, key = file.split(b"\n")[1], house.runtime.signing
    message = b"sdb-audit-head/1\n" + stated + b"\nkey " + key.key_id.encode() + b"\n"
    moved = file.rpartition(b"signature ")[0] + f"signature {key.sign(message).hex()}\n".encode()

    assert code_of(lambda: verify(moved, public_key=pinned(house))) == "license_file_changed"


def test_a_file_is_good_from_its_issue_to_its_end_and_not_a_moment_longer(house: House, file: bytes) -> None:
    key = pinned(house)
    found = verify(file, public_key=key)
    tick = timedelta(microseconds=1)

    def at(moment: datetime) -> LicenseFile:
        return verify(file, public_key=key, at=moment)

    assert at(found.expires_at - tick) == at(found.issued_at - TOLERANCE) == found
    assert code_of(lambda: at(found.expires_at)) == "license_file_expired"
    assert code_of(lambda: at(found.issued_at - TOLERANCE - tick)) == "license_file_from_future"
    early = {"public_key": key, "at": found.issued_at - tick}
    assert code_of(lambda: verify(file, **early, tolerance=timedelta())) == "license_file_from_future"


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


def test_what_is_signed_but_not_active_or_not_understood_is_refused(house: House, file: bytes) -> None:
    stated = json.loads(file.split(b"\n")[1])
    key, runtime = pinned(house), house.runtime

    assert verify(signed(runtime, stated), public_key=key) == verify(file, public_key=key)
    suspended = signed(runtime, stated | {"state": "suspended"})
    assert code_of(lambda: verify(suspended, public_key=key)) == "license_file_not_active"
    for odd in ({}, stated | {"issued_at": 5}, stated | {"expires_at": "soon"}):
        assert code_of(lambda odd=odd: verify(signed(runtime, odd), public_key=key)) == "license_file_unreadable"
    assert asdict(verify(signed(runtime, stated | {"later": 1}), public_key=key))["license_id"] == stated["license_id"]


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
    assert code_of(lambda: verify(fresh, public_key=old.public_key_text)) == "license_file_unknown_key"
    listed = house.get(NOBODY, "/v1/signing-keys").json()["data"]
    assert {row["id"]: row["current"] for row in listed} == {old.key_id: True, changed.signing.key_id: False}


def test_the_private_key_is_in_no_answer(house: House, file: bytes) -> None:
    secret = house.runtime.settings.effective_signing_key_file.read_bytes()

    told = file + house.get(NOBODY, "/v1/signing-keys").content
    for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert form not in told
