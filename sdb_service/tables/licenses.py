"""Licenses: the right of one customer to one box's knowledge."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base, Owned


class License(Owned, Base):
    __tablename__ = "licenses"

    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    mode: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime | None]
    max_downloads: Mapped[int | None]
    downloads: Mapped[int] = mapped_column(default=0)
    max_predictions: Mapped[int | None]
    predictions: Mapped[int] = mapped_column(BigInteger, default=0)
    images_per_minute: Mapped[int | None]
    revoked_at: Mapped[datetime | None]
    replaces_license_id: Mapped[str | None] = mapped_column(String(40))
    replaced_by: Mapped[str | None] = mapped_column(String(40))  # its successor on the box under a new key
