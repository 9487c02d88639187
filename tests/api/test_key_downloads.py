"""The key: counted, recorded and given out together, or not at all."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from safetensors import safe_open
from sqlalchemy import select

import sdb_client
from sdb_core.keys import Key as CoreKey
from sdb_service import clock
from sdb_service.tables import AuditEvent, License, SealedKey
from tests.api.networks import INPUT
from tests.api.problems import problem_of
from tests.api.seeding import House, Person, kappa_of


def fetch(house: House, who: Person, license_id: str) -> Response:
    return house.get(who, f"/v1/licenses/{license_id}/key")


def given_out(house: House, license_id: str) -> tuple[int, int]:
    """Downloads counted, and downloads in the audit log."""
    with house.runtime.database.reading() as session:
        counted = session.get_one(License, license_id).downloads
    return counted, house.count(AuditEvent, AuditEvent.object_id == license_id, AuditEvent.action == "license.key")


def test_the_key_opens_in_both_readers_and_is_the_sealed_one(
    house: House, provider: Person, customer: Person, tmp_path: Path
) -> None:
    box = house.box(provider)
    answer = fetch(house, customer, house.license(provider, box, customer))
    file = tmp_path / "key"
    file.write_bytes(answer.content)

    core, client = CoreKey.load(file), sdb_client.Key.load(file)

    assert core.kappa.numpy().tobytes() == client.kappa.tobytes() == kappa_of(box)
    assert core.lam == client.lam == 0.7
    assert list(core.mean) == list(client.mean) == INPUT["mean"]
    assert list(core.std) == list(client.std) == INPUT["std"]
    assert client.box_id == box
    with safe_open(str(file), framework="np") as opened:
        metadata = opened.metadata()
        assert opened.get_tensor("kappa").dtype == np.float32
    assert metadata["sha256"] == hashlib.sha256(kappa_of(box)).hexdigest()
    assert metadata["shape"] == "[3, 8, 8]"


def test_the_key_is_kept_by_no_cache(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    headers = fetch(house, customer, house.license(provider, box, customer)).headers

    assert headers["cache-control"] == "no-store"
    assert headers["content-disposition"] == f'attachment; filename="{box}.key.safetensors"'


def test_downloads_are_counted_and_end(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    held = each_house.license(provider, each_house.box(provider), customer, max_downloads=2)

    statuses = [fetch(each_house, customer, held).status_code for _ in range(4)]

    assert statuses == [200, 200, 403, 403]
    problem_of(fetch(each_house, customer, held), 403, "license_downloads_used_up")
    assert given_out(each_house, held) == (2, 2)
    assert each_house.get(provider, f"/v1/licenses/{held}").json()["downloads"] == 2


def test_of_twenty_at_once_as_many_as_agreed_get_the_key(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    box = each_house.box(provider)
    held = each_house.license(provider, box, customer, max_downloads=7)

    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda _turn: fetch(each_house, customer, held), range(20)))

    keys = [answer for answer in answers if answer.status_code == 200]
    assert len(keys) == 7
    assert {key.content[-768:] for key in keys} == {kappa_of(box)}
    for answer in answers:
        if answer not in keys:
            problem_of(answer, 403, "license_downloads_used_up")
    assert given_out(each_house, held) == (7, 7)
    with each_house.runtime.database.reading() as session:
        rows = select(AuditEvent.detail).where(AuditEvent.object_id == held, AuditEvent.action == "license.key")
        assert sorted(row["download"] for row in session.execute(rows).scalars()) == [1, 2, 3, 4, 5, 6, 7]


def expire(house: House, provider: Person, held: str) -> None:
    with house.runtime.database.transaction() as session:
        session.get_one(License, held).expires_at = clock.after(-1)


def step(name: str) -> Any:
    return lambda house, provider, held: house.post(provider, f"/v1/licenses/{held}/{name}")


@pytest.mark.parametrize(
    ("happens", "code"),
    [(step("suspend"), "license_suspended"), (step("revoke"), "license_revoked"), (expire, "license_expired")],
    ids=["suspended", "revoked", "expired"],
)
def test_a_license_that_is_not_active_gives_no_key_and_counts_nothing(
    each_house: House, happens: Any, code: str
) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    held = each_house.license(provider, each_house.box(provider), customer)
    assert fetch(each_house, customer, held).status_code == 200
    happens(each_house, provider, held)

    problem_of(fetch(each_house, customer, held), 403, code)

    assert given_out(each_house, held) == (1, 1)


def test_a_hosted_license_gives_no_key(house: House, provider: Person, customer: Person) -> None:
    held = house.license(provider, house.box(provider), customer, mode="hosted")

    problem_of(fetch(house, customer, held), 403, "license_hosted")
    assert given_out(house, held) == (0, 0)


def test_the_key_is_for_the_customer_alone(house: House, admin: Person, provider: Person, customer: Person) -> None:
    held = house.license(provider, house.box(provider), customer)

    for who in (admin, provider, house.person("customer")):
        problem_of(fetch(house, who, held), 404, "license_not_found")
    assert given_out(house, held) == (0, 0)


def test_a_sealed_key_opens_for_its_own_box_alone(house: House, provider: Person, customer: Person) -> None:
    boxes = [house.box(provider), house.box(provider)]
    held = [house.license(provider, box, customer) for box in boxes]
    with house.runtime.database.transaction() as session:
        rows = [session.execute(select(SealedKey).where(SealedKey.box_id == box)).scalar_one() for box in boxes]
        rows[0].sealed, rows[1].sealed = rows[1].sealed, rows[0].sealed

    for license_id in held:
        answer = fetch(house, customer, license_id)
        problem_of(answer, 500, "seal_broken")
        assert given_out(house, license_id) == (0, 0)


@pytest.mark.parametrize("column", ["account_id", "id", "version"])
def test_a_sealed_key_whose_row_was_changed_does_not_open(
    house: House, provider: Person, customer: Person, column: str
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer)
    with house.runtime.database.transaction() as session:
        row = session.execute(select(SealedKey).where(SealedKey.box_id == box)).scalar_one()
        setattr(row, column, 2 if column == "version" else "other")

    problem_of(fetch(house, customer, held), 500, "seal_broken")


def test_a_flipped_bit_in_a_sealed_key_is_found(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer)
    with house.runtime.database.transaction() as session:
        row = session.execute(select(SealedKey).where(SealedKey.box_id == box)).scalar_one()
        row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])

    problem_of(fetch(house, customer, held), 500, "seal_broken")


def test_the_key_is_nowhere_in_the_database_or_the_logs(
    house: House, provider: Person, customer: Person, caplog: pytest.LogCaptureFixture
) -> None:
    canary = b"kappa-canary" * 64  # 768 bytes: 3 x 8 x 8 float32
    held = house.license(provider, house.box(provider, kappa=canary), customer)

    assert b"kappa-canary" in fetch(house, customer, held).content

    files = [path for path in house.runtime.settings.data_dir.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if b"kappa-canary" in path.read_bytes()] == []
    assert "kappa-canary" not in caplog.text
