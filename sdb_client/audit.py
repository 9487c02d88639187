"""The audit log: what happened, by whom, each row bound to the one before by its hash."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sdb_client.http import Wire

Outcome = Literal["done", "refused"]

_SILENCE = 60.0


@dataclass(frozen=True)
class AuditEvent:
    """One act, done or refused; `hash` covers it and `previous_hash`."""

    id: str
    number: int
    at: datetime
    action: str
    object_type: str
    object_id: str
    hash: str
    previous_hash: str
    detail: Mapping[str, Any]
    outcome: str = "done"
    actor_id: str | None = None
    user_id: str | None = None
    address: str | None = None
    request_id: str | None = None


class Audit:
    """`client.audit`. Filters: an action such as `license.revoke` (or `license.` for all of that kind), an object,
    the account that acted, how it ended, and moments from which on and before which."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        action: str | None = None,
        object_id: str | None = None,
        actor: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEvent]:
        """What you did and what was done to what is yours, newest first; for an admin, everything."""
        filters = _filters(action, object_id, actor, outcome, since, until)
        return self._wire.pages("/v1/audit", AuditEvent, filters=filters)

    def export(
        self,
        to: Path | str,
        *,
        action: str | None = None,
        object_id: str | None = None,
        actor: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Path:
        """Save the same as a CSV table; the file appears only when it is whole."""
        to = Path(to)
        filters = _filters(action, object_id, actor, outcome, since, until)
        handle, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
        try:
            with (
                os.fdopen(handle, "wb") as file,
                self._wire.stream("/v1/audit.csv", params=filters, timeout=_SILENCE) as response,
            ):
                file.writelines(response.iter_bytes())
            return Path(name).replace(to)
        finally:
            Path(name).unlink(missing_ok=True)


def _filters(
    action: str | None,
    object_id: str | None,
    actor: str | None,
    outcome: Outcome | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, str]:
    given = {
        "action": action,
        "object_id": object_id,
        "actor": actor,
        "outcome": outcome,
        "from": since.isoformat() if since else None,
        "to": until.isoformat() if until else None,
    }
    return {name: value for name, value in given.items() if value is not None}
