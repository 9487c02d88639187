"""Tokens from the SDK and the command: made with scopes, listed with their last use, revoked."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sdb_client import Client, Invalid, NotAllowed, NotSignedIn

from .conftest import Sdb
from .running import Service

pytestmark = pytest.mark.trust


def test_a_token_with_scopes_may_what_they_name_and_no_more(provider: Client, service: Service) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    made = provider.tokens.issue("reader", scopes=["models:read"], expires_at=end, rank="member")

    assert (made.scopes, made.rank, made.expires_at) == (("models:read",), "member", end)
    with Client(service.url, token=made.token) as reader:
        assert list(reader.models.list()) == []
        with pytest.raises(NotAllowed, match="jobs:read"):
            list(reader.jobs.list())


def test_a_scope_that_there_is_not_is_refused(provider: Client) -> None:
    with pytest.raises(Invalid):
        provider.tokens.issue("reader", scopes=["everything"])


def test_the_command_makes_lists_and_revokes_a_token(sdb: Sdb, service: Service) -> None:
    scopes = ("--scope", "models:read", "--scope", "tokens:read")
    told = sdb("admin", "tokens", "issue", "reader", *scopes, "--expires", "2099-01-01", "--json")
    made = json.loads(told.stdout)
    assert (made["scopes"], made["expires_at"][:10]) == (["models:read", "tokens:read"], "2099-01-01")

    listed = json.loads(sdb("admin", "tokens", "list", "--json", token=made["token"]).stdout)
    assert {"last_used_at", "scopes"} <= set(listed[0])
    assert made["token"] not in json.dumps(listed)
    assert "models:read" in sdb("admin", "tokens", "list").stdout

    assert sdb("admin", "tokens", "revoke", made["id"]).returncode == 0
    with Client(service.url, token=made["token"]) as reader, pytest.raises(NotSignedIn):
        reader.accounts.me()


def test_an_admin_changes_a_role(admin: Client, customer: Client) -> None:
    changed = admin.accounts.change_role(customer.accounts.me().id, "provider")

    assert changed.role == customer.accounts.me().role == "provider"
    with pytest.raises(NotAllowed):
        customer.accounts.change_role(changed.id, "admin")
