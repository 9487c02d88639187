"""People of an account: who they are, and what they prove it with. No password, seed or code stands here as it is."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base, Owned

_OPEN = text("closed_at IS NULL")


class User(Owned, Base):
    """One person. `email` is the name they sign in with; it is free again once they are closed."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_open_email", "email", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),)

    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    rank: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(255))  # argon2id, with its parameters and salt
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_since: Mapped[datetime | None]  # None while the seed is not confirmed by a code
    totp_step: Mapped[int | None] = mapped_column(BigInteger)  # the last one used: a code works once
    last_sign_in_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """Takes the place of one TOTP code, once."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    used_at: Mapped[datetime | None]


class Invitation(Owned, Base):
    """A way into an account for somebody who is not in it yet; it works once."""

    __tablename__ = "invitations"

    email: Mapped[str] = mapped_column(String(254))
    rank: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PasswordReset(Base):
    """A way to choose a new password without the old one; it works once."""

    __tablename__ = "password_resets"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
