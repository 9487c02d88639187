"""Accounts and the tokens that programs sign in with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sdb_client.http import Wire, path
from sdb_client.shapes import from_json

Role = Literal["admin", "provider", "customer"]
Rank = Literal["owner", "member"]


@dataclass(frozen=True)
class Account:
    """An admin, a provider or a customer."""

    id: str
    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True)
class Token:
    """A token as the service remembers it; `prefix` are its first letters.

    `scopes` is None where it may all that the account may; `last_used_at` is up to a minute behind.
    """

    id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    rank: str = "owner"


@dataclass(frozen=True)
class FreshToken(Token):
    """A token just issued; `token` is its text, which is shown this once."""

    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class LoginLink:
    """A way into the dashboard that works once and for `expires_in_seconds`."""

    url: str = field(repr=False)
    expires_in_seconds: int


class Accounts:
    """`client.accounts`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, name: str, *, role: Role) -> Account:
        """Open an account. Only an admin may. Raises Conflict where the name is taken."""
        return from_json(Account, self._wire.create("/v1/accounts", {"name": name, "role": role}))

    def list(self) -> Iterator[Account]:
        """The accounts you may see, newest first."""
        return self._wire.pages("/v1/accounts", Account)

    def get(self, account_id: str) -> Account:
        return from_json(Account, self._wire.get(path("v1", "accounts", account_id)))

    def me(self) -> Account:
        """The account whose token this client carries."""
        return from_json(Account, self._wire.get("/v1/accounts/me"))

    def change_role(self, account_id: str, role: Role) -> Account:
        """Give an account another role, which holds at once for all its tokens. Only an admin may."""
        return from_json(Account, self._wire.change(path("v1", "accounts", account_id), {"role": role}))

    def close(self, account_id: str) -> None:
        """Close an account: its tokens stop at once, its objects stay. Only an admin may."""
        self._wire.delete(path("v1", "accounts", account_id))


class Tokens:
    """`client.tokens`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def issue(
        self,
        name: str,
        *,
        account_id: str | None = None,
        expires_at: datetime | None = None,
        scopes: Sequence[str] | None = None,
        rank: Rank | None = None,
    ) -> FreshToken:
        """A new token, yours where no account is named; only an admin names others.

        `scopes`, such as `["predict", "jobs:read"]`, are all that it may do; without them it may what the account may.
        `rank="member"` gives less than an owner of a provider's account has. Nobody makes a token that may more, or
        lasts longer, than their own. Never repeated by itself: after a lost connection, look in `list()` for a token
        nobody holds and revoke it.
        """
        body = {
            "name": name,
            "account_id": account_id,
            "expires_at": expires_at.isoformat() if expires_at else None,
            "scopes": None if scopes is None else list(scopes),
            "rank": rank,
        }
        return from_json(FreshToken, self._wire.act("/v1/tokens", body))

    def list(self) -> Iterator[Token]:
        """The tokens you may see, newest first, also those revoked."""
        return self._wire.pages("/v1/tokens", Token)

    def revoke(self, token_id: str) -> None:
        """Make a token useless from now on."""
        self._wire.delete(path("v1", "tokens", token_id))
