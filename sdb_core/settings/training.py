"""How the one training loop runs."""

from dataclasses import dataclass
from typing import Any

from sdb_core.errors import InvalidSettings
from sdb_core.settings.base import Settings, number, one_of, shown, whole


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How the one training loop runs.

    The length is max(epochs * steps per epoch, min_steps) steps of `batch_size` images. `lr` rises linearly over the
    first `warmup` share; then `schedule` "cosine" lets it fall to zero, "steps" multiplies it by `gamma` at each of the
    `milestones` (shares of the run: 0.5 and 0.75 are epochs 80 and 120 of 160). `clip` bounds the gradient's norm
    (0: not at all). `augment`: "none", "shift" (by up to an eighth of the size) or "shift-flip". `precision` "bfloat16"
    autocasts the nets; losses and weights stay float32. `accumulate` cuts each batch into so many micro-batches for
    less memory: the same gradient, but batch norm's statistics are each micro-batch's own. `compile` has PyTorch
    compile the objective (some minutes at first; needs a C++ compiler). `checkpoint_seconds`: at most so much work [s]
    is lost by a crash.
    """

    epochs: int = 20
    min_steps: int = 0
    batch_size: int = 128
    optimiser: str = "adam"
    lr: float = 3e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup: float = 0.1
    schedule: str = "cosine"
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    clip: float = 5.0
    augment: str = "none"
    precision: str = "float32"
    accumulate: int = 1
    compile: bool = False
    checkpoint_seconds: float = 10.0

    def __post_init__(self) -> None:
        whole(self, "epochs", low=0)
        whole(self, "min_steps", low=0)
        whole(self, "batch_size", low=2)
        number(self, "lr", low=0.0, open_low=True)
        number(self, "momentum", low=0.0, high=1.0, open_high=True)
        number(self, "weight_decay", low=0.0)
        number(self, "warmup", low=0.0, high=1.0)
        number(self, "gamma", low=0.0, high=1.0, open_low=True)
        number(self, "clip", low=0.0)
        number(self, "checkpoint_seconds", low=0.0)
        one_of(self, "schedule", ("cosine", "steps"))
        _check_milestones(self.milestones)
        one_of(self, "optimiser", ("adam", "sgd"))
        one_of(self, "augment", ("none", "shift", "shift-flip"))
        one_of(self, "precision", ("float32", "bfloat16"))
        whole(self, "accumulate", low=1)
        one_of(self, "compile", (True, False))

    @classmethod
    def restored(cls, name: str, value: Any) -> Any:
        """Milestones from a list."""
        return tuple(value) if name == "milestones" and isinstance(value, list) else value


def _check_milestones(shares: object) -> None:
    if isinstance(shares, tuple) and all(map(_is_share, shares)) and list(shares) == sorted(set(shares)):
        return
    raise InvalidSettings(
        f"milestones is {shown(shares)}; give rising shares of the run between 0 and 1, as [0.5, 0.75]."
    )


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 < value < 1.0
