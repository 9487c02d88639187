"""What an account uses, as bars."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from sdb_service import quotas
from sdb_service.settings import Settings

_SHOWN = ("stored_bytes", "open_uploads", "active_jobs", "jobs_a_day")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Bar:
    """One resource: used and reserved together, against the limit."""

    what: str
    total: int
    limit: int
    text: str


def bars(session: Session, account_id: str, *, settings: Settings) -> list[Bar]:
    """The resources that people run out of."""
    found = [one for one in quotas.standings(session, account_id, settings=settings) if one.resource.name in _SHOWN]
    return [_bar(one) for one in found]


def _bar(standing: quotas.Standing) -> Bar:
    total, limit = standing.use.total, standing.limit
    is_bytes = standing.resource.name == "stored_bytes"
    texts = [_bytes(number) if is_bytes else str(number) for number in (total, limit, standing.use.reserved)]
    text = f"{texts[0]} of {texts[1]}" + (f", {texts[2]} of it reserved" if standing.use.reserved else "")
    return Bar(standing.resource.what, total, limit, text)


def _bytes(number: float) -> str:
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:.3g} {_UNITS[-1]}"
