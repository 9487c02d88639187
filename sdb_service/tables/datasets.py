"""Datasets: labelled images that belong to a model."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base, Claimable, Owned


class Dataset(Owned, Claimable, Base):
    __tablename__ = "datasets"

    name: Mapped[str] = mapped_column(String(200))
    upload_id: Mapped[str | None] = mapped_column(ForeignKey("uploads.id"))
    builtin: Mapped[str | None] = mapped_column(String(64))
    summary: Mapped[dict[str, Any] | None]
    deleted_at: Mapped[datetime | None]
