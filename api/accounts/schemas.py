"""The HTTP shapes of accounts and tokens."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.shapes import Body, Moment, Name
from sdb_service.identity import Role
from sdb_service.secret import Secret
from sdb_service.tables import Account as AccountRow
from sdb_service.tables import Token as TokenRow


class NewAccount(Body):
    name: Name
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


class Token(BaseModel):
    id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

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
