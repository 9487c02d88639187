"""Alarms: callers of a box who seem to copy it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AlarmNumbers:
    """What the service saw of the caller that day until the alarm; None where there was too little to say."""

    queries: int
    seen: int
    seen_share: float
    distinct: int
    compared: int
    near_duplicates: float
    training_images: int | None = None
    normality: float | None = None
    label_entropy: float | None = None
    label_entropy_of_others: float | None = None
    distilled: int = 0


@dataclass(frozen=True)
class Alarm:
    """One number of one caller beyond its threshold: `volume`, `near_duplicates`, `distances` or `labels`.

    A reason to look, no proof. `caller_id` is None for somebody without a token; `payer` tells them apart.
    """

    id: str
    box_id: str
    kind: str
    value: float
    threshold: float
    payer: str
    day: str
    since: datetime
    created_at: datetime
    numbers: AlarmNumbers
    caller_id: str | None = None
    network: str | None = None
