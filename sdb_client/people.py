"""The people of an account: who is in, and who is invited."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sdb_client.http import Wire, path
from sdb_client.shapes import from_json

Rank = Literal["owner", "member"]


@dataclass(frozen=True)
class User:
    """A person who signs in to the dashboard by `email`; `two_steps` says whether a code is asked for as well."""

    id: str
    account_id: str
    email: str
    name: str
    rank: str
    two_steps: bool
    created_at: datetime
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True)
class Invitation:
    """A way into an account for somebody who is not in it yet: waiting, accepted, revoked or expired."""

    id: str
    account_id: str
    email: str
    rank: str
    state: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class FreshInvitation(Invitation):
    """An invitation just made; `url` is shown this once. No mail is sent: give it to them yourself."""

    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class PasswordReset:
    """A way to choose a new password, once and within `expires_in_seconds`. No mail is sent."""

    url: str = field(repr=False)
    expires_in_seconds: int


class Users:
    """`client.users`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Iterator[User]:
        """The people of your account, newest first; an admin sees those of all."""
        return self._wire.pages("/v1/users", User)

    def get(self, user_id: str) -> User:
        return from_json(User, self._wire.get(path("v1", "users", user_id)))

    def change_rank(self, user_id: str, *, rank: Rank) -> User:
        """Make somebody an owner or a member. Raises Conflict for the last owner."""
        answer = self._wire.act(path("v1", "users", user_id, "rank"), {"rank": rank}, repeatable=True)
        return from_json(User, answer)

    def reset_password(self, user_id: str) -> PasswordReset:
        """A link by which they choose a new password; a later one takes its place."""
        answer = self._wire.act(path("v1", "users", user_id, "password-reset"), repeatable=True)
        return from_json(PasswordReset, answer)

    def reset_second_step(self, user_id: str) -> User:
        """Switch the second step off for somebody who lost their device. Only an admin may."""
        return from_json(User, self._wire.act(path("v1", "users", user_id, "totp-reset"), repeatable=True))

    def close(self, user_id: str) -> None:
        """Take somebody out of the account: their sessions end at once. Raises Conflict for the last owner."""
        self._wire.delete(path("v1", "users", user_id))


class Invitations:
    """`client.invitations`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def make(self, email: str, *, rank: Rank = "owner", account_id: str | None = None) -> FreshInvitation:
        """Invite somebody, into your account where none is named; only an admin names others.

        An earlier invitation of the same address works no more, so a lost answer is repeated by itself.
        """
        body = {"email": email, "rank": rank, "account_id": account_id}
        return from_json(FreshInvitation, self._wire.act("/v1/invitations", body, repeatable=True))

    def list(self) -> Iterator[Invitation]:
        """All invitations of your account, newest first, also those that work no more."""
        return self._wire.pages("/v1/invitations", Invitation)

    def revoke(self, invitation_id: str) -> None:
        """Make an invitation useless from now on. Raises Conflict where it was accepted."""
        self._wire.delete(path("v1", "invitations", invitation_id))
