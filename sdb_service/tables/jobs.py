"""Jobs and what happened in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sdb_service import clock
from sdb_service.tables.base import Base, Claimable, Owned


class Job(Owned, Claimable, Base):
    __tablename__ = "jobs"

    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    box_id: Mapped[str] = mapped_column(String(40), unique=True)
    replaces_box_id: Mapped[str | None] = mapped_column(String(40), index=True)  # of a re-keying
    policy: Mapped[str] = mapped_column(String(32))
    config: Mapped[dict[str, Any]]
    evaluate: Mapped[dict[str, Any]]
    seed: Mapped[int]
    precision: Mapped[str] = mapped_column(String(16), default="float32", server_default="float32")
    progress: Mapped[dict[str, Any]]
    reserved_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # while it is not over
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # once it is
    resume: Mapped[dict[str, Any]]
    report_key: Mapped[str | None] = mapped_column(String(255))
    # Kappa under the workers' own key, for a later attempt; wiped by the statement that ends the job.
    kappa_in_flight: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    cancel_requested_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def report_page_key(self) -> str | None:
        """Where the report's page lies: beside the report. Jobs of older versions have none there."""
        return f"{self.report_key.rpartition('/')[0]}/report.html" if self.report_key else None


class JobEvent(Base):
    """One line of a job's story; its id is the event stream's `Last-Event-ID`."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job_id_id", "job_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=clock.now)
