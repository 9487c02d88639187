"""Alarms of a box, as its page shows and draws them."""

from typing import Any

from sqlalchemy.orm import Session

from api.monitoring import queries, schemas
from api.monitoring.evidence import NEAR
from sdb_service.identity import Caller
from sdb_service.tables import Alarm

MOST_SHOWN = 20
MOST_DRAWN = 4


def latest(session: Session, caller: Caller, box_id: str) -> list[schemas.Alarm]:
    """The newest alarms of a box that is the caller's own. Raises `NotFound`."""
    statement = queries.alarms_of_own_box(session, caller, box_id).order_by(Alarm.id.desc()).limit(MOST_SHOWN)
    return [schemas.Alarm.of(row) for row in session.execute(statement).scalars()]


def drawn(alarms: list[schemas.Alarm], names: dict[str, str]) -> dict[str, Any]:
    """Histograms of distances, one for each caller: of the newest alarm."""
    newest: dict[str, schemas.Alarm] = {}
    for alarm in alarms:
        newest.setdefault(alarm.payer, alarm)
    charts = [
        {
            "who": names.get(alarm.caller_id or "") or alarm.network or alarm.payer,
            "day": alarm.day.isoformat(),
            "to": alarm.numbers.nearest.to,
            "images": alarm.numbers.nearest.images,
        }
        for alarm in list(newest.values())[:MOST_DRAWN]
    ]
    return {"near": NEAR, "callers": charts}
