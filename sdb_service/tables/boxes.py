"""Boxes and their sealed keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base, Owned


class Box(Owned, Base):
    __tablename__ = "boxes"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), unique=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"))
    name: Mapped[str] = mapped_column(String(200))
    policy: Mapped[str] = mapped_column(String(32))
    architecture: Mapped[str] = mapped_column(String(120))
    num_classes: Mapped[int]
    class_names: Mapped[list[Any] | None]
    input: Mapped[dict[str, Any]]
    lam: Mapped[float]
    onnx_key: Mapped[str] = mapped_column(String(255))
    onnx_sha256: Mapped[str] = mapped_column(String(64))
    onnx_bytes: Mapped[int] = mapped_column(BigInteger)
    onnx_max_difference: Mapped[float]
    int8_key: Mapped[str | None] = mapped_column(String(255))
    int8_sha256: Mapped[str | None] = mapped_column(String(64))
    checkpoint_key: Mapped[str] = mapped_column(String(255))
    checkpoint_sha256: Mapped[str] = mapped_column(String(64))
    report_key: Mapped[str | None] = mapped_column(String(255))
    outputs: Mapped[list[Any]]
    top_k: Mapped[int]
    images_per_minute: Mapped[int | None]
    published_at: Mapped[datetime | None]
    replaces_box_id: Mapped[str | None] = mapped_column(String(40))
    replaced_by: Mapped[str | None] = mapped_column(String(40))  # the box of the same model under a new key

    @property
    def precision(self) -> str:
        """Of the network that predictions come from: float32, or int8 where the job asked for it."""
        return "float32" if self.int8_key is None else "int8"

    @property
    def served_key(self) -> str:
        """Where the ONNX file lies that predictions come from; `onnx_key` is always the float32 export."""
        return self.int8_key or self.onnx_key

    @property
    def served_sha256(self) -> str:
        """The SHA-256 (hex) of that file."""
        return self.int8_sha256 or self.onnx_sha256


class SealedKey(Base):
    """Kappa of one box, sealed; the associated data binds it to account, box, key and version."""

    __tablename__ = "sealed_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40), index=True)
    box_id: Mapped[str] = mapped_column(String(40), unique=True)
    version: Mapped[int]
    shape: Mapped[list[Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
