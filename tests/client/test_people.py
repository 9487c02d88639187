"""People through the SDK and the command."""

import json

import httpx2
import pytest

from sdb_client import Client, Conflict, NotAllowed, NotFound

from .conftest import Sdb
from .running import Service

FORM = {"name": "Grace", "password": "nineteen copper kettles"}


def join(service: Service, url: str) -> None:
    """Follow a link to where the service is reached in this test."""
    link = url[url.index("/dashboard") :]
    assert httpx2.post(service.url + link, data=FORM).status_code == 303


def test_people_are_invited_ranked_and_taken_out(provider: Client, service: Service) -> None:
    owner, member = (
        provider.invitations.make(f"{name}@sdk.example", rank=rank)
        for name, rank in (("owner", "owner"), ("member", "member"))
    )
    for made in (owner, member):
        join(service, made.url)

    found = {user.email: user for user in provider.users.list()}
    grace = found["owner@sdk.example"]
    assert found["member@sdk.example"].rank == "member"
    assert {invitation.state for invitation in provider.invitations.list()} == {"accepted"}
    with pytest.raises(Conflict):
        provider.users.close(grace.id)
    assert provider.users.change_rank(found["member@sdk.example"].id, rank="owner").rank == "owner"
    provider.users.close(grace.id)
    with pytest.raises(NotFound):
        provider.users.get(grace.id)
    assert "/dashboard/passwords/pwd_" in provider.users.reset_password(found["member@sdk.example"].id).url
    with pytest.raises(NotAllowed):
        provider.users.reset_second_step(found["member@sdk.example"].id)


def test_an_invitation_is_taken_back_and_its_link_is_in_no_repr(provider: Client) -> None:
    made = provider.invitations.make("back@sdk.example")

    provider.invitations.revoke(made.id)

    assert [invitation.state for invitation in provider.invitations.list()] == ["revoked"]
    assert "inv_" in made.url
    assert made.url not in repr(made)


def test_the_command_invites_and_lists(sdb: Sdb) -> None:
    made = json.loads(sdb("admin", "invite", "command@sdk.example", "--json").stdout)

    assert made["rank"] == "member"
    assert "/dashboard/invitations/inv_" in made["url"]
    assert json.loads(sdb("admin", "users", "--json").stdout) == []
