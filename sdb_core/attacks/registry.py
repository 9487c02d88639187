"""All attacks, in the order in which a report shows them, and which of them a level runs."""

import difflib
from collections.abc import Sequence

from sdb_core.attacks import (
    class_map,
    composition,
    contrastive,
    data_free,
    decoupled,
    fine_tuning,
    fixed_keys,
    key_recovery,
    label_only,
    larger_student,
    less_data,
    linear_undo,
    logit_matching,
    out_of_distribution,
    partial_key,
    random_keys,
    second_peak,
    sharpened,
    shifted_queries,
    skeptical,
    soft_answers,
    temperatures,
    top_k,
)
from sdb_core.attacks.attack import Attack
from sdb_core.errors import InvalidSettings
from sdb_core.settings import LEVELS

PANEL: tuple[Attack, ...] = (
    *temperatures.ATTACKS,
    *label_only.ATTACKS,
    *top_k.ATTACKS,
    *second_peak.ATTACKS,
    *sharpened.ATTACKS,
    *soft_answers.ATTACKS,
    *linear_undo.ATTACKS,
    *class_map.ATTACKS,
    *logit_matching.ATTACKS,
    *decoupled.ATTACKS,
    *composition.ATTACKS,
    *contrastive.ATTACKS,
    *skeptical.ATTACKS,
    *random_keys.ATTACKS,
    *fixed_keys.ATTACKS,
    *less_data.ATTACKS,
    *larger_student.ATTACKS,
    *shifted_queries.ATTACKS,
    *out_of_distribution.ATTACKS,
    *data_free.ATTACKS,
    *partial_key.ATTACKS,
    *key_recovery.ATTACKS,
    *fine_tuning.ATTACKS,
)


def panel(level: str) -> tuple[Attack, ...]:
    """The attacks that a level of evidence runs: "none", "quick", "standard" (job), "full" (all)."""
    if level not in LEVELS:
        raise InvalidSettings(f"There is no level {level!r}; choose one of {', '.join(LEVELS)}.")
    return tuple(attack for attack in PANEL if LEVELS.index(attack.level) <= LEVELS.index(level))


def named(names: Sequence[str]) -> tuple[Attack, ...]:
    """The attacks of these names, in the panel's order. Raises InvalidSettings (with near names) for an unknown one."""
    known = [attack.name for attack in PANEL]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}."
            raise InvalidSettings(f"There is no attack {name!r}; {hint}")
    return tuple(attack for attack in PANEL if attack.name in names)
