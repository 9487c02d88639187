"""Which of a caller's numbers look like somebody who copies the box. Each rule and its blind spots: docs/monitor.md."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from api.monitoring.evidence import Numbers
from sdb_service.settings import Settings

Kind = Literal["volume", "near_duplicates", "distances", "labels"]

_ENOUGH_OF_OTHERS = 1000  # different images, for their labels to be a measure


@dataclass(frozen=True)
class Limits:
    """Where a number becomes an alarm."""

    distinct_share: float  # different images a day, as a multiple of the images the box was made with
    distinct_images: int  # the same where that number is not known
    least_images: int  # different images before the last three are looked at
    near_duplicate_share: float
    normality: float
    label_entropy: float  # as a share of what the other callers show, or of the most possible

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            distinct_share=settings.monitor_distinct_share,
            distinct_images=settings.monitor_distinct_images,
            least_images=settings.monitor_least_images,
            near_duplicate_share=settings.monitor_near_duplicate_share,
            normality=settings.monitor_normality,
            label_entropy=settings.monitor_label_entropy,
        )

    def distinct(self, training_images: int | None) -> int:
        """How many different images a day are an alarm."""
        if training_images is None:
            return self.distinct_images
        return max(self.least_images, round(self.distinct_share * training_images))


@dataclass(frozen=True)
class Others:
    """The other callers of the same box, as far as this process saw them today."""

    images: int  # different ones
    label_entropy: float | None


@dataclass(frozen=True)
class Finding:
    """One number beyond its threshold."""

    kind: Kind
    value: float
    threshold: float


def judge(numbers: Numbers, limits: Limits, *, others: Others, training_images: int | None) -> list[Finding]:
    """The numbers that are alarms; none for most callers."""
    found, most = [], limits.distinct(training_images)
    if numbers.distinct >= most:
        found.append(Finding("volume", numbers.distinct, most))
    if numbers.compared >= limits.least_images:
        if numbers.near_duplicates >= limits.near_duplicate_share:
            found.append(Finding("near_duplicates", numbers.near_duplicates, limits.near_duplicate_share))
        if numbers.normality is not None and numbers.normality < limits.normality:
            found.append(Finding("distances", numbers.normality, limits.normality))
    if numbers.distinct >= limits.least_images and numbers.label_entropy is not None:
        is_measure = others.images >= _ENOUGH_OF_OTHERS and others.label_entropy is not None
        least = limits.label_entropy * (others.label_entropy or 0.0 if is_measure else 1.0)
        if numbers.label_entropy < least:
            found.append(Finding("labels", numbers.label_entropy, least))
    return found


def told(numbers: Numbers, others: Others, *, training_images: int | None) -> dict[str, Any]:
    """All numbers as JSON values, rounded."""
    values = asdict(numbers) | {
        "seen_share": numbers.seen_share,
        "training_images": training_images,
        "label_entropy_of_others": others.label_entropy,
    }
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
