"""How fast a run learns at each step."""

import math

from sdb_core.settings import TrainingSettings


def learning_rate(step: int, *, total: int, settings: TrainingSettings) -> float:
    """The rate at `step` of `total`: a linear rise over the warm-up's share, then down as `schedule` says."""
    rise = settings.warmup * total
    if step < rise:
        return settings.lr * (step + 1) / (rise + 1)
    if settings.schedule == "steps":
        return settings.lr * settings.gamma ** sum(step >= share * total for share in settings.milestones)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(total - rise, 1)))
