"""`/readyz` tells the truth: ready is who can answer, and nobody else."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import migrations
from api import health
from sdb_service.storage.s3 import S3Storage
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.seeding import NOBODY, House
from tests.servers.profiles import Profile


def state(house: House) -> tuple[int, dict[str, str]]:
    answer = house.get(NOBODY, "/readyz")
    return answer.status_code, answer.json()


def test_a_whole_service_is_ready(each_house: House) -> None:
    assert state(each_house) == (200, {"status": "ok"})


def test_without_its_database_it_is_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> NoReturn:
        raise OperationalError("SELECT 1", {}, Exception("password=..."))

    monkeypatch.setattr(house.runtime.database, "reading", broken)

    assert state(house) == (503, {"status": "unavailable", "database": "OperationalError"})
    assert house.get(NOBODY, "/healthz").status_code == 200


def test_before_the_migrations_it_is_not(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network) as house:
        with house.runtime.database.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        code, told = state(house)

    assert (code, told["database"]) == (503, f"migrated to 0001; this version needs {migrations.newest()}")


def test_beside_a_newer_version_that_has_migrated_it_stays_ready(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network) as house:
        with house.runtime.database.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

        assert state(house)[0] == 200


def test_without_its_folder_it_is_not(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network) as house:
        shutil.rmtree(house.runtime.storage.root)  # type: ignore[attr-defined]

        assert state(house)[1] == {
            "status": "unavailable",
            "storage": "the folder of the store is gone, or not ours to write",
        }


def test_without_its_bucket_it_is_not(production_profile: Profile) -> None:
    settings = production_profile.settings
    S3Storage(settings).check()

    with pytest.raises(ConnectionError, match="the bucket does not answer"):
        S3Storage(settings.model_copy(update={"s3_bucket": "another-bucket"})).check()


def test_a_part_that_hangs_is_named_in_time_and_asked_once_for_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        end.wait(30)

    monkeypatch.setattr(health, "_SECONDS", 0.5)
    monkeypatch.setattr(house.runtime.storage, "check", hang)
    with ThreadPoolExecutor(8) as crowd:
        found = list(crowd.map(lambda _turn: state(house), range(8)))
    end.set()

    assert found == [(503, {"status": "unavailable", "storage": "no answer within 0.5 s"})] * 8
    assert len(asked) <= 2
