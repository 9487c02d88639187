"""What an account may use at most, where the operator chose other limits than the usual ones."""

from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service.tables.base import Base


class AccountQuota(Base):
    """Locked by each who reserves for the account, so that two never take the same room. Use itself is in the rows."""

    __tablename__ = "account_quotas"

    account_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    limits: Mapped[dict[str, Any]]  # by the name of the resource
    turns: Mapped[int] = mapped_column(BigInteger)
