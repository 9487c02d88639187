"""The HTTP shapes of people and invitations."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from api.shapes import Body
from sdb_service import clock
from sdb_service.identity import Rank
from sdb_service.secret import Secret
from sdb_service.tables import Invitation as InvitationRow
from sdb_service.tables import User as UserRow

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"),
]


class User(BaseModel):
    id: str
    account_id: str
    email: str
    name: str
    rank: Rank
    two_steps: bool = Field(description="Whether a code is asked for after the password.")
    created_at: datetime
    last_sign_in_at: datetime | None

    @classmethod
    def of(cls, row: UserRow) -> Self:
        return cls(
            id=row.id,
            account_id=row.account_id,
            email=row.email,
            name=row.name,
            rank="member" if row.rank == "member" else "owner",
            two_steps=row.totp_since is not None,
            created_at=row.created_at,
            last_sign_in_at=row.last_sign_in_at,
        )


class NewRank(Body):
    rank: Rank


class NewInvitation(Body):
    email: Email
    rank: Rank = Field("owner", description="Members are a provider's alone; all people of other accounts are owners.")
    account_id: str | None = Field(
        None, description="Into which account; yours where it is left out. Only an admin names others."
    )


class Invitation(BaseModel):
    id: str
    account_id: str
    email: str
    rank: Rank
    state: Literal["waiting", "accepted", "revoked", "expired"]
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: InvitationRow) -> Self:
        return cls(
            id=row.id,
            account_id=row.account_id,
            email=row.email,
            rank="member" if row.rank == "member" else "owner",
            state=_state(row),
            created_at=row.created_at,
            expires_at=row.expires_at,
        )


class FreshInvitation(Invitation):
    """An invitation as it is shown once, when it is made. Nobody but you sends its address to whom it is for."""

    url: str

    @classmethod
    def shown(cls, row: InvitationRow, text: Secret, *, public_url: str) -> Self:
        url = f"{public_url.rstrip('/')}/dashboard/invitations/{text.reveal().decode()}"
        return cls(**Invitation.of(row).model_dump(), url=url)


class PasswordReset(BaseModel):
    """A way to choose a new password, shown once. Nobody but you sends it to whom it is for."""

    url: str
    expires_in_seconds: int

    @classmethod
    def shown(cls, text: Secret, *, public_url: str, seconds: int) -> Self:
        url = f"{public_url.rstrip('/')}/dashboard/passwords/{text.reveal().decode()}"
        return cls(url=url, expires_in_seconds=seconds)


def _state(row: InvitationRow) -> Literal["waiting", "accepted", "revoked", "expired"]:
    if row.accepted_at is not None:
        return "accepted"
    if row.revoked_at is not None:
        return "revoked"
    return "waiting" if row.expires_at > clock.now() else "expired"
