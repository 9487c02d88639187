"""A report read back for showing: checked once, then plain values for pages and figures."""

from sdb_core.evidence.reading import read_report
from sdb_core.evidence.values import (
    HOLDINGS,
    NOTHING,
    PART,
    WEIGHTS,
    Agreement,
    Attack,
    Evidence,
    NotMeasured,
    Rival,
    Rounding,
    Serving,
    SoftLabels,
    Tracing,
    Value,
    Verdict,
)

__all__ = [
    "HOLDINGS",
    "NOTHING",
    "PART",
    "WEIGHTS",
    "Agreement",
    "Attack",
    "Evidence",
    "NotMeasured",
    "Rival",
    "Rounding",
    "Serving",
    "SoftLabels",
    "Tracing",
    "Value",
    "Verdict",
    "read_report",
]
