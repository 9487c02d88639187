"""Licenses: the right of one customer to one box's knowledge."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base, Owned

ALL_ENTITLEMENTS = "key:download distill box:download"


class License(Owned, Base):
    """`state` is what people decided; whether it has ended meanwhile, `expires_at` says (see `lifecycle.licenses`)."""

    __tablename__ = "licenses"

    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    mode: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    entitlements: Mapped[str] = mapped_column(
        String(120), default=ALL_ENTITLEMENTS, server_default=ALL_ENTITLEMENTS
    )  # names with spaces between; a hosted license has fewer, whatever stands here (see `licensing`)
    expires_at: Mapped[datetime | None]
    valid_for_days: Mapped[int | None]  # from the first use, which sets expires_at
    first_used_at: Mapped[datetime | None]
    end_told: Mapped[datetime | None]  # the end that both sides were told has come; decides nothing
    max_downloads: Mapped[int | None]
    downloads: Mapped[int] = mapped_column(default=0)
    max_predictions: Mapped[int | None]
    predictions: Mapped[int] = mapped_column(BigInteger, default=0)
    images_per_minute: Mapped[int | None]
    revoked_at: Mapped[datetime | None]
    transfers: Mapped[int] = mapped_column(default=0, server_default="0")
    replaces_license_id: Mapped[str | None] = mapped_column(String(40))
    replaced_by: Mapped[str | None] = mapped_column(String(40))  # its successor on the box under a new key

    @property
    def mark(self) -> str:
        """What the mark in its key is drawn for: each holder of a license has another one."""
        return mark_name(self.id, self.transfers)


class PastHolder(Base):
    """Who held a license before it was transferred, and which mark their key carries."""

    __tablename__ = "past_holders"

    license_id: Mapped[str] = mapped_column(ForeignKey("licenses.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # transfers before they held it
    customer_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    until: Mapped[datetime]

    @property
    def mark(self) -> str:
        return mark_name(self.license_id, self.number)


def mark_name(license_id: str, transfers: int) -> str:
    """The license's id for its first holder, and with a number behind for each later one."""
    return f"{license_id}/{transfers}" if transfers else license_id
