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

    `error` is 0 where one student was taught: it is not known then (`sure`).
    `holds` is what the attacker has beside answers. `truth` (were the true labels used?) is None in older reports.
    `about` says what the attack does, `notes` what its run told. `useful`: its student is right at least half as often
    as the box, or as often as one from scratch; the verdict leaves others out.
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

    @property
    def sure(self) -> bool:
        """Whether there was more than one student, so that `error` says something."""
        return max(self.accuracy.seeds, self.floor.seeds) > 1


@dataclass(frozen=True)
class Verdict:
    """One design goal: `passed` is None where it was not measured; `error` is the standard error of `value`."""

    goal: str
    passed: bool | None
    value: float | None
    limit: float | None
    why: str
    error: float | None = None

    @property
    def narrow(self) -> bool:
        """Whether the limit lies within two standard errors of the value: other seeds may judge otherwise."""
        if self.value is None or self.limit is None or self.error is None:
            return False
        return abs(self.value - self.limit) < 2 * self.error


@dataclass(frozen=True)
class Agreement:
    """The original and the box beside each other on the same `images` of the test split.

    `same_class`: percent of them for which both name one class; the others count images that one alone names rightly.
    """

    images: int
    same_class: float
    only_original_right: int
    only_box_right: int


@dataclass(frozen=True)
class NotMeasured:
    """Something that was to be measured and was not, and why."""

    what: str
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
    """The same model wrapped by another policy with these settings."""

    accuracy: dict[str, Value]
    students: dict[str, Value]
    config: dict[str, Any]


@dataclass(frozen=True)
class Tracing:
    """What is said of the marks in customers' keys, and the box's accuracy under such keys (`report.schema.json`)."""

    share: float
    noise: float
    licenses: int
    false_accusation: float
    open: Value


@dataclass(frozen=True)
class Rounding:
    """What fewer bits change of one stream: percent of test images of the same class; differences of logits."""

    same_class: float
    mean: float
    most: float


@dataclass(frozen=True)
class Serving:
    """The box in another `precision` than float32, from which predictions come; by stream (`report.schema.json`)."""

    precision: str
    calibrated_on: int
    seed: int
    float32: dict[str, Value]
    served: dict[str, Value]
    difference: dict[str, Rounding]
    float32_bytes: int
    bytes: int


@dataclass(frozen=True)
class Evidence:
    """A whole report; `tracing` is None where customers' keys carry no marks, `agreement` in older reports, `serving`
    where predictions come from the box in float32."""

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
    agreement: Agreement | None = None
    serving: Serving | None = None
    not_measured: tuple[NotMeasured, ...] = ()

    @property
    def strangers(self) -> tuple[Attack, ...]:
        """The attacks that the verdict on robustness judges: no key, no weights, and a student of some use."""
        return tuple(each for each in self.attacks if each.holds == NOTHING and each.useful)

    def setting(self, *place: str) -> Any:
        """A setting by its place in the provenance, such as ("evaluation", "student"); None where it is not told."""
        found: Any = self.provenance.get("config")
        for name in place:
            found = found.get(name) if isinstance(found, dict) else None
        return found
