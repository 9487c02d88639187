"""License files: believed as they were signed, for the days they name, and otherwise not at all."""

import base64
import hashlib
import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import sdb_client
from sdb_client import LicenseFileRefused
from sdb_client.license_files import TOLERANCE, LicenseFile, verify
from sdb_service import clock
from sdb_service.runtime import Runtime
from sdb_service.signing import SigningKey
from tests.api.license_file import file_of, pinned, refusal_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


def signed(runtime: Runtime, stated: dict[str, object]) -> bytes:
    """A file that states anything, under the service's own key."""
    message = f"sdb-license/1\n{json.dumps(stated)}\nkey {runtime.signing.key_id}\n".encode()
    return message + f"signature {runtime.signing.sign(message).hex()}\n".encode()


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
    assert refusal_of(lambda: found.require_key(others)) == "license_file_other_key"
    assert refusal_of(lambda: found.require_key(replace(own, box_id=other_box))) == "license_file_other_key"
    assert refusal_of(lambda: found.require_entitlement("predict")) == "license_file_not_entitled"
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

    assert {refusal_of(lambda each=each: verify(each, public_key=key)) for each in others} == {
        "license_file_unreadable",
        "license_file_changed",
    }


def test_another_services_key_does_not_make_a_file_good(house: House, file: bytes, tmp_path: Path) -> None:
    other = SigningKey(tmp_path / "keys" / "signing-key")

    assert refusal_of(lambda: verify(file, public_key=other.public_key_text)) == "license_file_unknown_key"
    renamed = file.replace(house.runtime.signing.key_id.encode(), other.key_id.encode())
    assert refusal_of(lambda: verify(renamed, public_key=other.public_key_text)) == "license_file_changed"
    message = renamed.rpartition(b"signature ")[0]
    forged = message + f"signature {other.sign(message).hex()}\n".encode()
    assert verify(forged, public_key=other.public_key_text)  # good under that key, and so under ours it is not
    assert refusal_of(lambda: verify(forged, public_key=pinned(house))) == "license_file_unknown_key"
    assert verify(file, public_key=[other.public_key_text, pinned(house)])


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "é", "ed25519:" + base64.b64encode(bytes(31)).decode()]
)
def test_a_public_key_that_is_none_is_said_to_be_none(file: bytes, text: str) -> None:
    assert refusal_of(lambda: verify(file, public_key=text)) == "public_key_unreadable"


def test_a_signature_over_something_else_is_none_over_a_license(house: House, file: bytes) -> None:
    stated, key = file.split(b"\n")[1], house.runtime.signing
    message = b"sdb-audit-head/1\n" + stated + b"\nkey " + key.key_id.encode() + b"\n"
    moved = file.rpartition(b"signature ")[0] + f"signature {key.sign(message).hex()}\n".encode()

    assert refusal_of(lambda: verify(moved, public_key=pinned(house))) == "license_file_changed"


def test_a_file_is_good_from_its_issue_to_its_end_and_not_a_moment_longer(house: House, file: bytes) -> None:
    key = pinned(house)
    found = verify(file, public_key=key)
    tick = timedelta(microseconds=1)

    def at(moment: datetime) -> LicenseFile:
        return verify(file, public_key=key, at=moment)

    assert at(found.expires_at - tick) == at(found.issued_at - TOLERANCE) == found
    assert refusal_of(lambda: at(found.expires_at)) == "license_file_expired"
    assert refusal_of(lambda: at(found.issued_at - TOLERANCE - tick)) == "license_file_from_future"
    early = {"public_key": key, "at": found.issued_at - tick}
    assert refusal_of(lambda: verify(file, **early, tolerance=timedelta())) == "license_file_from_future"


def test_what_is_signed_but_not_active_or_not_understood_is_refused(house: House, file: bytes) -> None:
    stated = json.loads(file.split(b"\n")[1])
    key, runtime = pinned(house), house.runtime

    assert verify(signed(runtime, stated), public_key=key) == verify(file, public_key=key)
    suspended = signed(runtime, stated | {"state": "suspended"})
    assert refusal_of(lambda: verify(suspended, public_key=key)) == "license_file_not_active"
    for odd in ({}, stated | {"issued_at": 5}, stated | {"expires_at": "soon"}):
        assert refusal_of(lambda odd=odd: verify(signed(runtime, odd), public_key=key)) == "license_file_unreadable"
    assert asdict(verify(signed(runtime, stated | {"later": 1}), public_key=key))["license_id"] == stated["license_id"]
