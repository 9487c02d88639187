"""All settings of the method: frozen, documented, checked when built; unknown names are refused."""

from sdb_core.settings.base import Settings
from sdb_core.settings.evaluation import LEVELS, EvaluationSettings, StudentSettings
from sdb_core.settings.training import TrainingSettings
from sdb_core.settings.wrapping import PLANNED_POLICIES, POLICIES, WrapSettings, check_policy

__all__ = [
    "LEVELS",
    "PLANNED_POLICIES",
    "POLICIES",
    "EvaluationSettings",
    "Settings",
    "StudentSettings",
    "TrainingSettings",
    "WrapSettings",
    "check_policy",
]
