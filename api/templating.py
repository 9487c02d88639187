"""The Jinja2 environment of every page: escaping on, undefined names are errors, and how values are shown."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_NOTHING = "–"


def points(value: Any) -> str:
    """A report's `{"mean", "std", "seeds"}` as `93.6 ± 0.4`; a dash for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("mean"), (int, float)):
        return _NOTHING
    spread = value.get("std")
    shows_spread = isinstance(spread, (int, float)) and value.get("seeds", 1) > 1
    return f"{value['mean']:.1f} ± {spread:.1f}" if shows_spread else f"{value['mean']:.1f}"


def moment(value: datetime | None) -> str | Markup:
    """A `<time>` that a script turns into local time; without scripts it reads as UTC."""
    if value is None:
        return _NOTHING
    in_utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        in_utc.isoformat(timespec="seconds"), in_utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def duration(seconds: Any) -> str:
    """Seconds as people say them: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if not isinstance(seconds, (int, float)):
        return _NOTHING
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def short(row_id: str | None) -> str:
    """An id as tables show it: its kind and its last six characters, which are random."""
    if not row_id:
        return _NOTHING
    return f"{row_id.partition('_')[0]}_…{row_id[-6:]}" if len(row_id) > 16 else row_id


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "dashboard" / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(points=points, moment=moment, duration=duration, short=short)
