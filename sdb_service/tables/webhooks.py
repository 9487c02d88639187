"""Webhooks, and what is told to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base, Owned


class Webhook(Owned, Base):
    """An address of an account's own that is told of events; `sealed` is the secret that they are signed with."""

    __tablename__ = "webhooks"

    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str | None] = mapped_column(String(200))
    events: Mapped[list[Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(16), default="enabled")  # or disabled
    disabled_reason: Mapped[str | None] = mapped_column(String(32))
    failing_since: Mapped[datetime | None]
    free_at: Mapped[datetime] = mapped_column(
        default=clock.now
    )  # the lease of whoever delivers, and rest after failure
    tried_at: Mapped[datetime] = mapped_column(default=clock.now)  # whose turn is longest ago comes first


class WebhookDelivery(Owned, Base):
    """One event for one webhook: `body` is signed and sent, byte for byte the same at each attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_state_next_at", "state", "next_at"),  # is anything due at all
        Index("ix_webhook_deliveries_webhook_id_state_next_at", "webhook_id", "state", "next_at"),
    )

    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="waiting")  # or delivered, failed
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime] = mapped_column(default=clock.now)
    next_at: Mapped[datetime] = mapped_column(default=clock.now)
    tried_at: Mapped[datetime | None]
    status: Mapped[int | None]  # of the receiver's last answer
    error: Mapped[str | None] = mapped_column(String(64))
    answer: Mapped[str | None] = mapped_column(String(1024))  # how it begins
