"""What the forms of licenses share."""

from datetime import UTC, date, datetime, time


def last_moment_of(day: date | None) -> datetime | None:
    """The end of a license whose last day, in UTC, a form names; None where it names none."""
    return datetime.combine(day, time.max, UTC) if day else None
