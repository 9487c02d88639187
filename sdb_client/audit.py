"""The audit log: what happened, by whom, each row bound to the one before by its hash."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sdb_client.http import Wire


@dataclass(frozen=True)
class AuditEvent:
    """One act; `hash` covers it and `previous_hash`."""

    id: str
    number: int
    at: datetime
    action: str
    object_type: str
    object_id: str
    hash: str
    previous_hash: str
    detail: Mapping[str, Any]
    actor_id: str | None = None
    address: str | None = None
    request_id: str | None = None


class Audit:
    """`client.audit`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Iterator[AuditEvent]:
        """What you did and what was done to what is yours, newest first; for an admin, everything."""
        return self._wire.pages("/v1/audit", AuditEvent)
