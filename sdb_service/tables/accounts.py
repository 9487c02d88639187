"""Accounts and the ways in: tokens for programs, one-time links and sessions for people."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    closed_at: Mapped[datetime | None]


class _Credential:
    """Something shown once and stored as a keyed hash."""

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Token(_Credential, Base):
    __tablename__ = "tokens"

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    scopes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))  # null: all that the standing may do
    rank: Mapped[str] = mapped_column(String(16), default="owner", server_default="owner")  # at most, of a provider's
    user_id: Mapped[str | None] = mapped_column(String(40), index=True)  # the person who made it
    last_used_at: Mapped[datetime | None]


class LoginLink(_Credential, Base):
    __tablename__ = "login_links"

    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class DashboardSession(_Credential, Base):
    __tablename__ = "sessions"

    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)  # None: opened by a one-time link
    seen_at: Mapped[datetime | None]  # at most a minute old while it is used; None: since it was opened
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(200))
