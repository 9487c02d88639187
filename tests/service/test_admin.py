import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from sdb_service import identity
from sdb_service.admin import main
from sdb_service.launcher.whereabouts import forget_address, note_address
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings
from sdb_service.tables import AuditEvent
from tests.service.tampering import unguard


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """An embedded service that no command has touched yet; the commands find it in the environment."""
    monkeypatch.setenv("SDB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SDB_KEK_FILE", str(tmp_path / "keys" / "kek"))
    monkeypatch.setenv("SDB_TOKEN_KEY_FILE", str(tmp_path / "keys" / "token-key"))
    monkeypatch.setenv("SDB_PUBLIC_URL", "https://sdb.example.org/")
    opened = open_runtime(Settings())
    yield opened
    opened.database.close()


@pytest.fixture
def admin_token(runtime: Runtime, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["create-admin", "--name", "root"]) == 0
    return capsys.readouterr().out.strip()


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, object]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == status
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_first_admin_is_made_in_an_empty_database_and_can_sign_in(runtime: Runtime, admin_token: str) -> None:
    with runtime.database.transaction() as session:
        caller = identity.caller_of_token(session, admin_token, key=runtime.token_key)
        actions = [event.action for event in session.query(AuditEvent).order_by(AuditEvent.number)]

    assert (caller.name, caller.role) == ("root", "admin")
    assert actions == ["account.create", "token.issue"]


def test_the_token_stands_alone_on_stdout_for_scripts(runtime: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    main(["create-admin", "--name", "root"])

    said = capsys.readouterr()
    assert said.out.startswith("sdb_")
    assert len(said.out.split()) == 1
    assert "not shown again" in said.err


def test_a_name_is_given_once(admin_token: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(capsys, "create-admin", "--name", "root", status=1)["error"]

    assert isinstance(error, dict)
    assert error["code"] == "account_name_taken"


def test_another_token_is_issued_for_a_named_account(
    runtime: Runtime, admin_token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = told(capsys, "issue-token", "--account", "root")["token"]

    assert fresh != admin_token
    with runtime.database.transaction() as session:
        assert identity.caller_of_token(session, str(fresh), key=runtime.token_key).name == "root"


def test_an_account_that_is_not_there_is_one_sentence(admin_token: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["issue-token", "--account", "rooot"]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "sdb: There is no open account named 'rooot'; check the name's spelling. (account_not_found)\n"


def test_a_login_link_opens_the_dashboard_once(
    runtime: Runtime, admin_token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(told(capsys, "login-link", "--account", "root")["url"])
    elsewhere = str(told(capsys, "login-link", "--account", "root", "--url", "http://127.0.0.1:9000")["url"])

    assert url.startswith("https://sdb.example.org/dashboard/login/link_")
    assert elsewhere.startswith("http://127.0.0.1:9000/dashboard/login/link_")
    with runtime.database.transaction() as session:
        identity.use_login_link(session, url.rpartition("/")[2], key=runtime.token_key)
        with pytest.raises(identity.Unauthenticated):
            identity.use_login_link(session, url.rpartition("/")[2], key=runtime.token_key)


def test_a_login_link_leads_to_the_running_node_where_no_address_is_set(
    runtime: Runtime, admin_token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SDB_PUBLIC_URL")
    note_address(Settings(), "http://127.0.0.1:8123")
    running = str(told(capsys, "login-link", "--account", "root")["url"])
    forget_address(Settings())
    stopped = str(told(capsys, "login-link", "--account", "root")["url"])

    assert running.startswith("http://127.0.0.1:8123/dashboard/login/link_")
    assert stopped.startswith("http://127.0.0.1:8000/dashboard/login/link_")


def test_the_first_changed_row_of_the_audit_log_is_named(
    runtime: Runtime, admin_token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "issue-token", "--account", "root")
    assert told(capsys, "audit-verify")["intact"] is True
    with runtime.database.transaction() as session:
        unguard(session)
        session.execute(text("UPDATE audit_events SET action = 'account.close' WHERE number = 2"))

    assert main(["audit-verify"]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "row 2" in said.err
    assert said.err.endswith("(audit_broken)\n")


def test_a_database_without_tables_is_told_with_its_cure(runtime: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit-verify"]) == 1
    assert "sdb admin migrate" in capsys.readouterr().err
    assert main(["migrate"]) == 0
    assert main(["audit-verify"]) == 0


def test_settings_that_contradict_each_other_are_told_by_name(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SDB_LEASE_SECONDS", "1")

    assert main(["migrate"]) == 1

    assert "SDB_LEASE_SECONDS" in capsys.readouterr().err


def test_a_command_written_wrongly_exits_with_2() -> None:
    with pytest.raises(SystemExit) as end:
        main(["create-admin"])
    assert end.value.code == 2
