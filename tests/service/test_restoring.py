"""Tombstones in storage: left with every taking away, believed only when genuine, and enough to take away again."""

import json
from collections.abc import Iterator
from typing import NoReturn

import pytest
from sqlalchemy import select, text

import migrations
from sdb_service import clock, identity
from sdb_service.audit import heads
from sdb_service.errors import Unavailable
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.restoring import Tombstones, reconcile
from sdb_service.restoring.kinds import KINDS
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.storage import Storage
from sdb_service.tables import Account, AuditEvent, DashboardSession, Token
from tests.service.tampering import unguard

pytestmark = pytest.mark.trust


@pytest.fixture
def runtime(any_settings: Settings) -> Iterator[Runtime]:
    migrations.upgrade(any_settings)
    opened = open_runtime(any_settings)
    yield opened
    opened.database.close()


def a_token(runtime: Runtime) -> tuple[str, str]:
    """An account's token: the ids of both."""
    with runtime.database.transaction() as session:
        account = identity.create_account(session, f"account {clock.now()}", role="customer")
        token, _ = identity.issue_token(session, account.id, name="t", key=runtime.token_key)
        return account.id, token.id


def revoke(runtime: Runtime, token_id: str, *, fails: bool = False) -> None:
    with runtime.database.transaction() as session:
        token = session.get_one(Token, token_id)
        token.revoked_at = clock.now()
        caller = Caller(token.account_id, "customer", "somebody")
        record_act(session, caller, "token.revoke", token_id, owner=token.account_id)
        if fails:
            raise RuntimeError("too late")


def unrevoke(runtime: Runtime, token_id: str) -> None:
    """As an older database, or somebody who can write to it."""
    with runtime.database.transaction() as session:
        session.get_one(Token, token_id).revoked_at = None


def is_revoked(runtime: Runtime, token_id: str) -> bool:
    with runtime.database.reading() as session:
        return session.get_one(Token, token_id).revoked_at is not None


def reconciled(runtime: Runtime) -> list[tuple[str, str]]:
    return reconcile(runtime.database, runtime.tombstones, runtime.signing).again


def test_a_taking_away_leaves_its_tombstone_before_the_commit(runtime: Runtime) -> None:
    _, token = a_token(runtime)
    revoke(runtime, token)

    assert runtime.tombstones.ids("token") == {token}
    assert runtime.tombstones.is_genuine("token", token)
    assert reconciled(runtime) == []


def test_a_taking_away_that_failed_leaves_none(runtime: Runtime) -> None:
    _, token = a_token(runtime)
    with pytest.raises(RuntimeError, match="too late"):
        revoke(runtime, token, fails=True)

    assert runtime.tombstones.ids("token") == set()


def test_what_somebody_gave_back_in_the_database_is_taken_away_again(runtime: Runtime) -> None:
    account, token = a_token(runtime)
    revoke(runtime, token)
    unrevoke(runtime, token)

    assert reconciled(runtime) == [("token", token)]

    assert is_revoked(runtime, token)
    with runtime.database.reading() as session:
        event = session.execute(select(AuditEvent).where(AuditEvent.action == "restored.reapply")).scalar_one()
    assert (event.object_type, event.object_id, event.account_id) == ("token", token, account)
    assert reconciled(runtime) == []


def test_a_forged_tombstone_takes_nothing_away(runtime: Runtime) -> None:
    _, token = a_token(runtime)
    _, other = a_token(runtime)
    Tombstones(runtime.storage, Secret(b"guessed".ljust(32))).leave("token", token)
    revoke(runtime, other)
    genuine = b"".join(runtime.storage.read(f"revocations/token/{other}.json"))
    moved = json.dumps(json.loads(genuine) | {"id": token}).encode()
    for content in (genuine, moved, b"", b"[]", b"{", b'{"mac": "\xc3\xa9", "at": 1}'):
        assert reconcile(runtime.database, runtime.tombstones, runtime.signing).forged == 1
        assert not is_revoked(runtime, token)
        runtime.storage.put_bytes(f"revocations/token/{token}.json", content)


def test_a_tombstone_of_what_an_older_database_does_not_have_does_no_harm(runtime: Runtime) -> None:
    for kind in KINDS:
        runtime.tombstones.leave(kind.name, "of_a_later_time")

    assert reconciled(runtime) == []


def test_while_storage_fails_a_revocation_goes_on_and_its_tombstone_follows(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = a_token(runtime)

    def fails(_storage: Storage, _key: str, _content: bytes) -> NoReturn:
        raise ConnectionError("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(type(runtime.storage), "put_bytes", fails)
        revoke(runtime, token)
    assert is_revoked(runtime, token)
    assert runtime.tombstones.ids("token") == set()

    assert reconcile(runtime.database, runtime.tombstones, runtime.signing).written == 1
    assert runtime.tombstones.ids("token") == {token}


def test_what_was_revoked_before_there_were_tombstones_gets_one(runtime: Runtime) -> None:
    account, token = a_token(runtime)
    with runtime.database.transaction() as session:
        session.get_one(Token, token).revoked_at = clock.now()
        session.get_one(Account, account).closed_at = clock.now()

    assert reconcile(runtime.database, runtime.tombstones, runtime.signing).written == 2
    assert runtime.tombstones.is_genuine("account", account)


def test_hundreds_are_taken_away_again_in_one_go(runtime: Runtime) -> None:
    tokens = {a_token(runtime)[1] for _ in range(3)}
    account, _ = a_token(runtime)
    with runtime.database.transaction() as session:
        for number in range(600):
            token, _ = identity.issue_token(session, account, name=str(number), key=runtime.token_key)
            tokens.add(token.id)
    for token_id in tokens:
        runtime.tombstones.leave("token", token_id)

    assert {object_id for _, object_id in reconciled(runtime)} == tokens


def test_a_keeper_lets_nobody_through_before_its_first_look(runtime: Runtime) -> None:
    with pytest.raises(Unavailable, match="not been compared"):
        runtime.keeper.require_current()
    runtime.keeper.compare()
    runtime.keeper.require_current()


def test_a_running_keeper_notices_that_the_log_was_set_back(runtime: Runtime) -> None:
    account, token = a_token(runtime)
    with runtime.database.transaction() as session:
        opened, _ = identity.use_login_link(
            session,
            identity.make_login_link(session, account, key=runtime.token_key).reveal().decode(),
            key=runtime.token_key,
        )
        record_act(session, None, "account.create", account, owner=account)
        older = dict(session.execute(text("SELECT * FROM audit_head")).mappings().one())
    revoke(runtime, token)
    told: list[str] = []
    runtime.keeper.start(changed=lambda: told.append("changed"))
    unrevoke(runtime, token)
    with runtime.database.transaction() as session:
        unguard(session)
        session.execute(text("DELETE FROM audit_events WHERE number > :number"), {"number": older["number"]})
        names = ("number", "hash", "keyed_from", "proof")
        columns = ", ".join(f"{name} = :{name}" for name in names)
        session.execute(text(f"UPDATE audit_head SET {columns}"), {name: older[name] for name in names})

    runtime.keeper.sign_head()
    runtime.keeper.stop()

    assert told == ["changed"]
    assert is_revoked(runtime, token)
    runtime.keeper.require_current()
    with runtime.database.reading() as session:
        assert session.get_one(DashboardSession, opened.id).expires_at <= clock.now()
    assert [name for name in runtime.storage.keys(heads.FOLDER) if "lost-" in name] != []


def test_an_idle_keeper_writes_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    revoke(runtime, a_token(runtime)[1])
    runtime.keeper.compare()
    monkeypatch.setattr(type(runtime.storage), "put_bytes", None)
    monkeypatch.setattr(type(runtime.storage), "read", None)

    assert runtime.keeper.sign_head() is None
