"""Settings that would hurt later are refused at the start."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sdb_service.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("SDB_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("place", ["kek", "keys/kek", "../data/kek"])
def test_a_key_encryption_key_inside_the_data_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ValidationError, match="outside SDB_DATA_DIR"):
        Settings(data_dir=tmp_path / "data", kek_file=tmp_path / "data" / place)


def test_a_key_encryption_key_that_a_link_leads_into_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(ValidationError, match="outside SDB_DATA_DIR"):
        Settings(data_dir=tmp_path / "data", kek_file=tmp_path / "link" / "kek")


def test_a_key_encryption_key_beside_the_data_is_accepted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", kek_file=tmp_path / "data-keys" / "kek")
    assert settings.kek_file == tmp_path / "data-keys" / "kek"


def test_a_lease_shorter_than_two_heartbeats_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least twice SDB_HEARTBEAT_SECONDS"):
        Settings(lease_seconds=29.9, heartbeat_seconds=15)


def test_a_lease_of_exactly_two_heartbeats_is_accepted() -> None:
    assert Settings(lease_seconds=30, heartbeat_seconds=15).lease_seconds == 30


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SDB_MAX_ATTEMPTS", "7")
    settings = Settings()
    assert (settings.data_dir, settings.max_attempts) == (tmp_path, 7)


def test_no_addresses_means_the_embedded_profile(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.effective_database_url == f"sqlite:///{tmp_path / 'sdb.db'}"
    assert settings.embedded_broker


def test_the_secret_of_the_bucket_is_not_shown() -> None:
    assert "open sesame" not in repr(Settings(s3_secret_access_key="open sesame"))


def test_settings_do_not_change_while_the_service_runs() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().max_attempts = 9  # type: ignore[misc]
