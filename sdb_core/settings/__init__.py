"""All settings of the method: frozen, documented, checked when built; unknown names are refused."""

from sdb_core.settings.base import Settings
from sdb_core.settings.evaluation import LEVELS, EvaluationSettings, StudentSettings
from sdb_core.settings.presets import PRESETS, over_preset, preset
from sdb_core.settings.training import TrainingSettings
from sdb_core.settings.wrapping import POLICIES, WrapSettings, check_policy

__all__ = [
    "LEVELS",
    "POLICIES",
    "PRESETS",
    "EvaluationSettings",
    "Settings",
    "StudentSettings",
    "TrainingSettings",
    "WrapSettings",
    "check_policy",
    "over_preset",
    "preset",
]
