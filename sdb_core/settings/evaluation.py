"""How students are taught, and what evidence is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sdb_core.errors import InvalidSettings
from sdb_core.settings.base import Settings, number, one_of, shown, whole
from sdb_core.settings.presets import over_preset
from sdb_core.settings.training import TrainingSettings
from sdb_core.settings.wrapping import check_policy

LEVELS = ("none", "quick", "standard", "full")
_FULL_SEEDS = 5
_TAUGHT = 'student_settings is {}; give settings by their names, as {{"lr": 0.01}}.'


@dataclass(frozen=True)
class StudentSettings(TrainingSettings):
    """How a student is taught: Eq. 2's `alpha` and `temperature`, and the label `smoothing` of students without one."""

    epochs: int = 24
    batch_size: int = 64
    alpha: float = 0.9
    temperature: float = 4.0
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha", low=0.0, high=1.0)
        number(self, "temperature", low=0.0, open_low=True)
        number(self, "smoothing", low=0.0, high=1.0, open_high=True)


@dataclass(frozen=True)
class EvaluationSettings(Settings):
    """What evidence is measured.

    `level` (LEVELS): "none" (accuracies alone), "quick" (few attacks), "standard" (all that are not very costly) or
    "full" (all; five seeds where none are named). `attacks`: these by name, instead of the level's. `seeds` students of
    each kind, of architecture `student`, taught by `student_settings`. `compare`: policies that wrap the same model
    beside, each by its own part of the preset and trained as the box was (`sdb_core.report.rival_settings`).
    """

    level: str = "standard"
    seeds: int = 3
    student: str = "sdb:cnn-small"
    compare: tuple[str, ...] = ("sdb",)
    attacks: tuple[str, ...] = ()
    student_settings: StudentSettings = field(default_factory=StudentSettings)

    def __post_init__(self) -> None:
        one_of(self, "level", LEVELS)
        whole(self, "seeds", low=1)
        if not isinstance(self.student, str):
            raise InvalidSettings("student must name an architecture, for example 'sdb:cnn'.")
        if not all(isinstance(attack, str) for attack in self.attacks):
            raise InvalidSettings(f"attacks is {shown(list(self.attacks))}; give their names.")
        if not isinstance(self.student_settings, StudentSettings):
            raise InvalidSettings(_TAUGHT.format(shown(self.student_settings)))
        for policy in self.compare:
            check_policy(policy)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a mapping, as all settings are."""
        more = {"seeds": _FULL_SEEDS} if values.get("level") == "full" else {}
        return super().from_dict({**more, **values})

    @staticmethod
    def asked(values: Mapping[str, Any]) -> "EvaluationSettings":
        """Build from a mapping; a `preset` among the values stands under them and under their `student_settings`."""
        preset = {name: value for name, value in values.items() if name == "preset"}
        given = over_preset(values, "evaluation")
        taught = given.get("student_settings", {})
        if not isinstance(taught, Mapping):
            raise InvalidSettings(_TAUGHT.format(shown(taught)))
        students = over_preset({**preset, **taught}, "student", of=given.get("student", EvaluationSettings.student))
        return EvaluationSettings.from_dict({**given, "student_settings": students})

    @classmethod
    def restored(cls, name: str, value: Any) -> Any:
        """Students' settings from a mapping, policies and attacks from a list."""
        if name == "student_settings" and isinstance(value, Mapping):
            return StudentSettings.from_dict(value)
        if name in ("compare", "attacks"):
            if isinstance(value, str) or not isinstance(value, (list, tuple)):
                what = "policies" if name == "compare" else "names"
                raise InvalidSettings(f"{name} must be a list of {what}.")
            return tuple(value)
        return value
