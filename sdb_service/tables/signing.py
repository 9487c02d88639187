"""Public keys that things were signed under, so that old signatures can be checked after a change of the key."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base


class PublicSigningKey(Base):
    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
