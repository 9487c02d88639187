"""The HTTP shapes of accounts and tokens."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.policy import SCOPES, Scope
from api.shapes import Body, Moment, Name
from sdb_service.identity import Rank, Role
from sdb_service.secret import Secret
from sdb_service.tables import Account as AccountRow
from sdb_service.tables import Token as TokenRow


class NewAccount(Body):
    name: Name
    role: Role


class AccountChange(Body):
    role: Role


class Account(BaseModel):
    id: str
    name: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, row: AccountRow) -> Self:
        return cls.model_validate(row, from_attributes=True)


class NewToken(Body):
    name: Name
    account_id: str | None = Field(
        None, description="Whose token; yours where it is left out. Only an admin names others."
    )
    expires_at: Moment | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))] | None = Field(
        None, description="What the token may do at most; all that your standing may where it is left out."
    )
    rank: Rank | None = Field(
        None,
        description="In a provider's account: `member` for a token that may less than an owner; yours if left out.",
    )


class Token(BaseModel):
    """`scopes` is null where the token may all that the account may; `last_used_at` is up to a minute behind."""

    id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    scopes: list[str] | None
    rank: Rank
    user_id: str | None

    @classmethod
    def of(cls, row: TokenRow) -> Self:
        return cls.model_validate(row, from_attributes=True)


class FreshToken(Token):
    """A token as it is shown once, when it is made."""

    token: str

    @classmethod
    def shown(cls, row: TokenRow, text: Secret) -> Self:
        return cls(**Token.of(row).model_dump(), token=text.reveal().decode())


class LoginLink(BaseModel):
    url: str
    expires_in_seconds: int
