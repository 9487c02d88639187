"""How a model is wrapped, by which policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdb_core.errors import InvalidSettings
from sdb_core.settings.base import number, one_of, whole
from sdb_core.settings.presets import over_preset
from sdb_core.settings.training import TrainingSettings

POLICIES = ("sdb-hardened", "sdb", "nasty", "ke", "nasty-ke", "normal")


@dataclass(frozen=True)
class WrapSettings(TrainingSettings):
    """How a model is wrapped; `WrapSettings.for_policy` gives each policy its own defaults.

    `lam` is lambda of Eq. 5, `temperature` T_dis. The box's weights `start` from the "original" or from "scratch".
    `sdb-hardened`: `top_share`/`decoy_share` are the closed target's two peaks at `temperature`, `decoy` how the
    second is chosen ("next"; "near", "far" or "apart" in the original's own confusions). `caution` is the share of such
    a target, on the mean over the images, that stays the original's own softened answer: the more, the less sure the
    original is of an image (0: nothing). `mixup` is the most that a second image may weigh in the mixed inputs that
    the closed stream is also taught on (0: none); `wrong_keys` teaches it on inputs under random keys too; `beside` is
    how many there are of either, as a share of the batch.
    `closed_weight`/`open_weight` weigh the two targets, `closed_ce`/`open_ce` the cross entropies. `open_copies`
    averages the open target over so many augmented copies of an image (0, or without `augment`: the answer on the
    input as it comes), `open_temperature` softens it (0 stands for `temperature`, at which it is met all the same),
    `open_label_share` mixes the label into it.
    `sdb`: `omega`, `eta`, `aug_temperature` (0 stands for infinity, Eq. 11) of Eqs. 7-11; `main_weight` weighs L_main,
    `closed_ce`/`open_ce` the two terms of Eq. 6. The paper's ablations: `key_embedding` (off: x~ is x), `disturbance`
    (L_dis), `preservation` (L_kp), `augmentation` (L_aug within it). As in the authors' code: `rectify` (L_aug sees
    logits above zero alone) and `away_weight` (its first term's). `nasty`: `omega`.
    """

    epochs: int = 15
    min_steps: int = 2000
    batch_size: int = 64
    lam: float = 0.7
    temperature: float = 4.0
    top_share: float = 0.66
    decoy_share: float = 0.31
    decoy: str = "far"
    caution: float = 0.0
    mixup: float = 0.5
    wrong_keys: bool = True
    beside: float = 1.0
    closed_weight: float = 1.0
    open_weight: float = 1.0
    closed_ce: float = 1.0
    open_ce: float = 1.0
    open_copies: int = 0
    open_temperature: float = 0.0
    open_label_share: float = 0.0
    omega: float = 0.1
    eta: float = 0.001
    aug_temperature: float = 0.0
    main_weight: float = 1.0
    key_embedding: bool = True
    disturbance: bool = True
    preservation: bool = True
    augmentation: bool = True
    rectify: bool = False
    away_weight: float = 1.0
    start: str = "original"

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "lam", low=0.0, high=1.0, open_low=True, open_high=True)
        number(self, "temperature", low=0.0, open_low=True)
        number(self, "top_share", low=0.0, high=1.0, open_low=True, open_high=True)
        number(self, "decoy_share", low=0.0, high=1.0)
        whole(self, "open_copies", low=0)
        number(self, "open_temperature", low=0.0)
        number(self, "open_label_share", low=0.0, high=1.0)
        number(self, "caution", low=0.0, high=1.0, open_high=True)
        number(self, "mixup", low=0.0, high=0.5)
        number(self, "beside", low=0.0, high=1.0, open_low=True)
        for name in _SWITCHES:
            one_of(self, name, (True, False))
        for name in _WEIGHTS:
            number(self, name, low=0.0)
        one_of(self, "decoy", ("next", "near", "far", "apart"))
        one_of(self, "start", ("original", "scratch"))
        if self.top_share <= self.decoy_share or self.top_share + self.decoy_share > 1.0:
            raise InvalidSettings(
                "top_share must be above decoy_share, or the box would name wrong classes, and both together at most 1."
            )

    @staticmethod
    def for_policy(policy: str, values: Mapping[str, Any] | None = None) -> "WrapSettings":
        """The policy's defaults with `values` over them.

        Who names `epochs` and no `min_steps` gets these epochs alone. A `preset` among the values stands under them.
        Raises InvalidSettings for an unknown policy or value, and for one that this policy never reads.
        """
        check_policy(policy)
        given = dict(values or {})
        if "epochs" in given:
            given.setdefault("min_steps", 0)
        settings = WrapSettings.from_dict({**_POLICY_DEFAULTS[policy], **over_preset(given, "wrap", of=policy)})
        _refuse_unread(policy, given)
        return settings


def check_policy(policy: str) -> None:
    """Raise InvalidSettings unless `policy` can be wrapped here."""
    if policy not in POLICIES:
        raise InvalidSettings(f"There is no policy {policy!r}; choose one of {', '.join(POLICIES)}.")


def _refuse_unread(policy: str, given: Mapping[str, Any]) -> None:
    """Raise InvalidSettings for a setting that only other policies read, unless it is at its default."""
    usual = WrapSettings()
    for name, value in given.items():
        readers = _READ_BY.get(name, (policy,))
        if policy not in readers and value != getattr(usual, name):
            raise InvalidSettings(
                f"{name} changes nothing under the policy {policy}; leave it out, or choose {' or '.join(readers)}."
            )


_SWITCHES = ("wrong_keys", "key_embedding", "disturbance", "preservation", "augmentation", "rectify")
_WEIGHTS = (
    *("closed_weight", "open_weight", "closed_ce", "open_ce", "main_weight"),
    *("omega", "eta", "aug_temperature", "away_weight"),
)
_POLICY_DEFAULTS: dict[str, dict[str, Any]] = {
    "sdb-hardened": {},
    "sdb": {"omega": 0.1},
    "ke": {"disturbance": False, "preservation": False},
    "nasty": {"omega": 0.04},
    "nasty-ke": {"omega": 0.04},
    "normal": {"epochs": 0, "min_steps": 0},
}
_PAPERS, _OURS = ("sdb", "ke"), ("sdb-hardened",)
# What only some policies read; all others are read by every policy that trains.
_READ_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("top_share", "decoy_share", "decoy", "caution", "mixup", "wrong_keys", "beside"), _OURS),
    **dict.fromkeys(("closed_weight", "open_weight", "open_copies", "open_temperature", "open_label_share"), _OURS),
    **dict.fromkeys(("eta", "aug_temperature", "main_weight", "away_weight", "rectify"), _PAPERS),
    **dict.fromkeys(("disturbance", "preservation", "augmentation"), _PAPERS),
    "omega": (*_PAPERS, "nasty", "nasty-ke"),
    "closed_ce": (*_OURS, *_PAPERS),
    "open_ce": (*_OURS, *_PAPERS, "nasty-ke"),
}
