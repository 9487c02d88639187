"""Models: the pretrained checkpoints that providers upload."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base, Claimable, Owned


class Model(Owned, Claimable, Base):
    __tablename__ = "models"

    name: Mapped[str] = mapped_column(String(200))
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"))
    architecture: Mapped[str] = mapped_column(String(120))
    num_classes: Mapped[int]
    input: Mapped[dict[str, Any]]
    class_names: Mapped[list[Any] | None]
    summary: Mapped[dict[str, Any] | None]
    deleted_at: Mapped[datetime | None]
