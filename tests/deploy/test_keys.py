"""The scripts that make secrets and hand them to the service's user."""

import os
import secrets
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.deploy.description import ROOT, SECRETS
from tests.servers.profiles import Profile, Servers


def test_new_secrets_are_long_different_and_never_replaced(tmp_path: Path) -> None:
    _run("new-secrets.sh", tmp_path / "secrets")
    first = _read(tmp_path / "secrets")
    _run("new-secrets.sh", tmp_path / "secrets")
    assert set(first) == set(SECRETS)
    assert {len(text) for text in first.values()} == {48}
    assert len(set(first.values())) == 3
    assert _read(tmp_path / "secrets") == first
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_what_the_service_reads_is_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    keys = _handed_over(tmp_path, "a password")
    assert {file.name: file.stat().st_mode & 0o777 for file in keys.iterdir()} == {
        "pgpass": 0o600,
        "s3-credentials": 0o600,
    }


def test_secrets_can_be_handed_over_again_after_they_were_changed(tmp_path: Path) -> None:
    _handed_over(tmp_path, "the old one")
    keys = _handed_over(tmp_path, "the new one")
    assert (keys / "pgpass").read_text() == "*:*:*:*:the new one\n"


@pytest.mark.production
@pytest.mark.parametrize("password", ["plain", "with:colon", r"back\slash", "quote'\" $HOME `id` %s é"])
def test_the_password_reaches_the_database_letter_by_letter(
    tmp_path: Path, production_profile: Profile, servers: Servers, password: str
) -> None:
    address = make_url(production_profile.settings.database_url)
    keys = _handed_over(tmp_path, password)
    role = f"reader_{secrets.token_hex(4)}"
    making = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), password)
    with psycopg.connect(_libpq(address.render_as_string(hide_password=False)), autocommit=True) as admin:
        admin.execute(making)
    with psycopg.connect(
        host="127.0.0.1", port=servers.postgres.port, dbname=address.database, user=role, passfile=str(keys / "pgpass")
    ) as reader:
        assert reader.execute("SELECT current_user").fetchone() == (role,)


def _handed_over(folder: Path, password: str) -> Path:
    for name in ("secrets", "keys"):
        (folder / name).mkdir(exist_ok=True)
    for name in SECRETS:
        (folder / "secrets" / name).write_text(password if name == "database_password" else f"the {name}")
    before = os.umask(0)
    try:
        _run("keys.sh", folder / "secrets", folder / "keys")
    finally:
        os.umask(before)
    return folder / "keys"


def _run(script: str, *arguments: Path) -> None:
    subprocess.run(["sh", str(ROOT / "deploy" / script), *map(str, arguments)], check=True)


def _read(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
