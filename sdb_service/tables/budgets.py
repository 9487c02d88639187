"""What server processes have reserved of a minute's budgets of images."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base


class ImageBudget(Base):
    """Images of one payer in one minute; rows of past minutes are deleted."""

    __tablename__ = "image_budgets"

    payer: Mapped[str] = mapped_column(String(64), primary_key=True)  # a keyed hash
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # Unix time / 60 s
    reserved: Mapped[int] = mapped_column(BigInteger)
