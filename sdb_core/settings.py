"""All settings of the method: frozen, documented, checked when built; unknown names are refused."""

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sdb_core.errors import InvalidSettings

POLICIES = ("sdb-hardened", "sdb", "nasty", "normal")
PLANNED_POLICIES = ("ke", "nasty-ke")


@dataclass(frozen=True)
class Settings:
    """What every kind of settings shares: a checked way in from a mapping, and out."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a mapping. Raises InvalidSettings for an unknown name, a wrong type or a value out of range."""
        known = {item.name: item for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}."
                raise InvalidSettings(f"There is no setting {name!r}; {hint}")
        return cls(**{name: _restored(known[name], value) for name, value in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {
            item.name: value.to_dict() if isinstance(value := getattr(self, item.name), Settings) else _plain(value)
            for item in dataclasses.fields(self)
        }


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How the one training loop runs.

    The length is max(epochs * steps per epoch, min_steps) steps of `batch_size` images. `lr` rises linearly over the
    first `warmup` share and falls as a cosine to zero. `clip` bounds the gradient's norm (0: not at all). `augment`:
    "none", "shift" (by up to an eighth of the size) or "shift-flip". `precision` "bfloat16" autocasts (accelerators).
    `checkpoint_seconds`: at most so much work [s] is lost by a crash.
    """

    epochs: int = 20
    min_steps: int = 0
    batch_size: int = 128
    optimiser: str = "adam"
    lr: float = 3e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup: float = 0.1
    clip: float = 5.0
    augment: str = "none"
    precision: str = "float32"
    checkpoint_seconds: float = 10.0

    def __post_init__(self) -> None:
        _whole(self, "epochs", low=0)
        _whole(self, "min_steps", low=0)
        _whole(self, "batch_size", low=2)
        _number(self, "lr", low=0.0, open_low=True)
        _number(self, "momentum", low=0.0, high=1.0, open_high=True)
        _number(self, "weight_decay", low=0.0)
        _number(self, "warmup", low=0.0, high=1.0)
        _number(self, "clip", low=0.0)
        _number(self, "checkpoint_seconds", low=0.0)
        _one_of(self, "optimiser", ("adam", "sgd"))
        _one_of(self, "augment", ("none", "shift", "shift-flip"))
        _one_of(self, "precision", ("float32", "bfloat16"))


@dataclass(frozen=True)
class WrapSettings(TrainingSettings):
    """How a model is wrapped; `WrapSettings.for_policy` gives each policy its own defaults.

    `lam` is lambda of Eq. 5, `temperature` T_dis.
    `sdb-hardened`: `top_share`/`decoy_share` are the closed target's two peaks at `temperature`, `decoy` how the
    second is chosen ("next", "near", "far" in the original's own confusions). `mixup` is the most that a second image
    may weigh in the mixed inputs that the closed stream is also taught on (0: none); `wrong_keys` teaches it on inputs
    under random keys too. `closed_weight`/`open_weight` weigh the two targets, `closed_ce`/`open_ce` the cross
    entropies; `open_label_share` mixes the label into the open target.
    `sdb`: `omega`, `eta`, `aug_temperature` (0 stands for infinity, Eq. 11) of Eqs. 7-11. `nasty`: `omega`.
    """

    epochs: int = 15
    min_steps: int = 2000
    batch_size: int = 64
    lam: float = 0.7
    temperature: float = 4.0
    top_share: float = 0.66
    decoy_share: float = 0.31
    decoy: str = "far"
    mixup: float = 0.5
    wrong_keys: bool = True
    closed_weight: float = 1.0
    open_weight: float = 1.0
    closed_ce: float = 1.0
    open_ce: float = 1.0
    open_label_share: float = 0.0
    omega: float = 0.1
    eta: float = 0.001
    aug_temperature: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _number(self, "lam", low=0.0, high=1.0, open_low=True, open_high=True)
        _number(self, "temperature", low=0.0, open_low=True)
        _number(self, "top_share", low=0.0, high=1.0, open_low=True, open_high=True)
        _number(self, "decoy_share", low=0.0, high=1.0)
        _number(self, "open_label_share", low=0.0, high=1.0)
        _number(self, "mixup", low=0.0, high=0.5)
        _one_of(self, "wrong_keys", (True, False))
        for name in ("closed_weight", "open_weight", "closed_ce", "open_ce", "omega", "eta", "aug_temperature"):
            _number(self, name, low=0.0)
        _one_of(self, "decoy", ("next", "near", "far"))
        if self.top_share <= self.decoy_share or self.top_share + self.decoy_share > 1.0:
            raise InvalidSettings(
                "top_share must be above decoy_share, or the box would name wrong classes, and both together at most 1."
            )

    @staticmethod
    def for_policy(policy: str, values: Mapping[str, Any] | None = None) -> "WrapSettings":
        """The policy's defaults with `values` over them. Raises InvalidSettings for an unknown policy or value.

        Who names `epochs` and no `min_steps` gets these epochs alone.
        """
        check_policy(policy)
        given = dict(values or {})
        if "epochs" in given:
            given.setdefault("min_steps", 0)
        return WrapSettings.from_dict({**_POLICY_DEFAULTS[policy], **given})


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
        _number(self, "alpha", low=0.0, high=1.0)
        _number(self, "temperature", low=0.0, open_low=True)
        _number(self, "smoothing", low=0.0, high=1.0, open_high=True)


@dataclass(frozen=True)
class EvaluationSettings(Settings):
    """What evidence is measured.

    `level`: "quick" (all students and attacks) or "none" (accuracies alone). `seeds` students of each kind, of
    architecture `student`, taught by `student_settings`. `compare`: policies that wrap the same model beside.
    """

    level: str = "quick"
    seeds: int = 3
    student: str = "sdb:cnn-small"
    compare: tuple[str, ...] = ("sdb",)
    student_settings: StudentSettings = field(default_factory=StudentSettings)

    def __post_init__(self) -> None:
        _one_of(self, "level", ("quick", "none"))
        _whole(self, "seeds", low=1)
        if not isinstance(self.student, str):
            raise InvalidSettings("student must name an architecture, for example 'sdb:cnn'.")
        for policy in self.compare:
            check_policy(policy)


def check_policy(policy: str) -> None:
    """Raise InvalidSettings unless `policy` can be wrapped here."""
    if policy in PLANNED_POLICIES:
        raise InvalidSettings(f"The policy {policy!r} is not built yet; choose one of {', '.join(POLICIES)}.")
    if policy not in POLICIES:
        raise InvalidSettings(f"There is no policy {policy!r}; choose one of {', '.join(POLICIES)}.")


_POLICY_DEFAULTS: dict[str, dict[str, Any]] = {
    "sdb-hardened": {},
    "sdb": {"omega": 0.1},
    "nasty": {"omega": 0.04},
    "normal": {"epochs": 0, "min_steps": 0},
}


def _restored(item: "dataclasses.Field[Any]", value: Any) -> Any:
    if item.name == "student_settings" and isinstance(value, Mapping):
        return StudentSettings.from_dict(value)
    if item.name == "compare":
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise InvalidSettings("compare must be a list of policies.")
        return tuple(value)
    return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _whole(settings: Settings, name: str, *, low: int) -> None:
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InvalidSettings(f"{name} is {value!r}; give a whole number of at least {low}.")


def _number(
    settings: Settings,
    name: str,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    value = getattr(settings, name)
    sound = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    if not sound or value < low or value > high or (open_low and value == low) or (open_high and value == high):
        above = f"above {low:g}" if open_low else f"at least {low:g}"
        below = "" if high == math.inf else f" and {'below' if open_high else 'at most'} {high:g}"
        raise InvalidSettings(f"{name} is {value!r}; give a number {above}{below}.")


def _one_of(settings: Settings, name: str, choices: tuple[object, ...]) -> None:
    value = getattr(settings, name)
    if value not in choices:
        raise InvalidSettings(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}.")
