"""Alarms: a caller of a box who seems to copy it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base, Owned


class Alarm(Owned, Base):
    """At most one a day for each box, payer and kind, whichever process sees it first."""

    __tablename__ = "alarms"
    __table_args__ = (UniqueConstraint("box_id", "payer", "kind", "day"),)

    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"), index=True)
    payer: Mapped[str] = mapped_column(String(40))
    caller_id: Mapped[str | None] = mapped_column(String(40))
    network: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    day: Mapped[date]
    since: Mapped[datetime]
    value: Mapped[float]
    threshold: Mapped[float]
    numbers: Mapped[dict[str, Any]]
