"""What a report says, as plain values."""

import math
from dataclasses import dataclass
from typing import Any

NOTHING, PART, WEIGHTS = "nothing", "part of the key", "weights"
HOLDINGS = (NOTHING, PART, WEIGHTS)


@dataclass(frozen=True)
class Value:
    """An accuracy in percent over `seeds` networks: mean and sample standard deviation."""

    mean: float
    std: float
    seeds: int

    @property
    def error(self) -> float:
        """The standard error of the mean, in points."""
        return self.std / math.sqrt(self.seeds)


@dataclass(frozen=True)
class Attack:
    """One attack's row; `over` is its mean less the floor's, `error` the standard error of that, both in points.

    `holds` is what the attacker has beside answers. `truth` (were the true labels used?) is None in older reports.
    `about` says what the attack does, `notes` what its run told. `useful`: its student is right at least half as often
    as the box; the verdict leaves others out.
    """

    name: str
    interface: str
    query_budget: int
    data_budget: str
    floor: Value
    accuracy: Value
    leak: float | None
    over: float
    error: float
    holds: str
    truth: bool | None
    student: str | None
    about: str
    notes: dict[str, str]
    useful: bool = True


@dataclass(frozen=True)
class Verdict:
    """One design goal: `passed` is None where it was not measured."""

    goal: str
    passed: bool | None
    value: float | None
    limit: float | None
    why: str


@dataclass(frozen=True)
class SoftLabels:
    """What three teachers say of one test image: probabilities at `temperature`, one for each class."""

    index: int
    label: int
    temperature: float
    original: tuple[float, ...]
    closed: tuple[float, ...]
    open: tuple[float, ...]


@dataclass(frozen=True)
class Rival:
    """The same model wrapped by another policy."""

    accuracy: dict[str, Value]
    students: dict[str, Value]


@dataclass(frozen=True)
class Tracing:
    """What is said of the marks in customers' keys, and the box's accuracy under such keys (`report.schema.json`)."""

    share: float
    noise: float
    licenses: int
    false_accusation: float
    open: Value


@dataclass(frozen=True)
class Evidence:
    """A whole report; `tracing` is None where customers' keys carry no marks."""

    policy: str
    accuracy: dict[str, Value]
    students: dict[str, Value]
    attacks: tuple[Attack, ...]
    verdicts: tuple[Verdict, ...]
    rivals: dict[str, Rival]
    soft_labels: tuple[SoftLabels, ...]
    history: tuple[dict[str, float], ...]
    provenance: dict[str, Any]
    tracing: Tracing | None = None
