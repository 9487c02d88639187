"""The audit log from outside: listed, narrowed and saved."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sdb_client import Client, NotSignedIn
from tests.client.conftest import Sdb
from tests.client.running import Service


def test_the_log_is_narrowed_to_what_is_asked_for(admin: Client) -> None:
    account = admin.accounts.create("audited", role="customer")
    token = admin.tokens.issue("first", account_id=account.id)

    assert [event.action for event in admin.audit.list(object_id=account.id)] == ["account.create"]
    assert next(event.object_id for event in admin.audit.list(action="token.")) == token.id
    later = datetime.now(UTC) + timedelta(hours=1)
    assert list(admin.audit.list(since=later)) == []
    assert list(admin.audit.list(object_id=account.id, until=later, actor="acc_nobody")) == []


def test_the_log_is_saved_as_a_table(admin: Client, tmp_path: Path) -> None:
    account = admin.accounts.create("exported", role="customer")

    written = admin.audit.export(tmp_path / "audit.csv", object_id=account.id)

    with written.open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert (row["action"], row["object_id"], row["outcome"]) == ("account.create", account.id, "done")


def test_the_command_narrows_and_saves_too(sdb: Sdb, provider: Client, tmp_path: Path) -> None:
    made = provider.tokens.issue("for the log")
    out = tmp_path / "audit.csv"

    listed = sdb("audit", "list", "--object", made.id, "--action", "token.", "--json")
    saved = sdb("audit", "export", "--out", str(out), "--object", made.id, "--from", "2020-01-01")

    assert listed.returncode == saved.returncode == 0, listed.stderr + saved.stderr
    assert made.id in listed.stdout
    assert out.read_text().count("\n") == 2


def test_what_is_refused_leaves_no_file(service: Service, tmp_path: Path) -> None:
    with Client(service.url) as stranger, pytest.raises(NotSignedIn):
        stranger.audit.export(tmp_path / "audit.csv")

    assert list(tmp_path.iterdir()) == []
