"""A report read for showing: what is missing or odd is left out, never an error page."""

import json
import math
from typing import Any, TypeGuard

from api.jobs import service
from sdb_service.errors import NotFound
from sdb_service.runtime import Runtime
from sdb_service.tables import Job

SOFT_LABELS_SHOWN = 6
STUDENT_NAMES = {
    "scratch": "from scratch",
    "label_smoothing": "label smoothing",
    "original_labels": "original's labels",
    "from_original": "distilled from original",
    "closed": "distilled from box, no key",
    "open": "distilled from box, with key",
}
_LEAST_USEFUL_SHARE = 0.5  # of the box's accuracy: students under it and under scratch stole nothing, and do not count
ATTACKER_HOLDS = {
    "nothing": "Answers alone: no key, no weights",
    "part of the key": "Answers and a part of the key",
    "weights": "The box's weights",
}


def read(job: Job, *, runtime: Runtime) -> dict[str, Any] | None:
    """The job's report, or None where it has none or its file cannot be read as one."""
    try:
        report = service.report_of(job, runtime=runtime)
    except (NotFound, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return report if isinstance(report, dict) else None


def charts(report: dict[str, Any], class_names: list[Any] | None) -> dict[str, Any]:
    """What the box page's script draws: the students' bars, and the soft labels of a few test images."""
    students = [
        {"kind": kind, "name": STUDENT_NAMES.get(kind, kind), "mean": value["mean"], "std": value.get("std") or 0}
        for kind, value in (report.get("students") or {}).items()
        if _is_value(value)
    ]
    rows = [row for row in _dicts(report.get("soft_labels")) if _is_soft_label(row)]
    return {
        "students": students,
        "soft_labels": [_soft_label(row, class_names) for row in rows[:SOFT_LABELS_SHOWN]],
        "attacks": attacks(report),
    }


def serving(report: dict[str, Any]) -> dict[str, Any] | None:
    """What the precision that predictions come from changes, or None where that is float32."""
    told = report.get("serving")
    values = told.get("accuracy") if isinstance(told, dict) else None
    precision = str(told.get("precision")) if isinstance(told, dict) else ""
    if not isinstance(values, dict):
        return None
    found = {stream: [_mean(values, name, stream) for name in ("float32", precision)] for stream in ("closed", "open")}
    return None if None in found["closed"] + found["open"] else {"precision": precision, **found}


def attacks(report: dict[str, Any]) -> dict[str, Any]:
    """Points over the floor for each attack: groups by what the attacker holds, the strongest first in each."""
    groups: dict[str, list[dict[str, Any]]] = {holding: [] for holding in ATTACKER_HOLDS}
    scratch = _mean(report, "students", "scratch")
    least = min(
        _LEAST_USEFUL_SHARE * (_mean(report, "accuracy", "closed") or 0.0), math.inf if scratch is None else scratch
    )
    for row in _dicts(report.get("attacks")):
        if _is_value(row.get("accuracy")) and _is_value(row.get("floor")):
            groups.setdefault(str(row.get("holds") or _holding(row)), []).append(_attack(row, least=least))
    verdicts = report.get("verdicts")
    verdict = verdicts.get("robustness") if isinstance(verdicts, dict) else None
    limit = verdict.get("limit") if isinstance(verdict, dict) else None
    return {
        "limit": limit if _is_number(limit) else None,
        "groups": [
            {"heading": ATTACKER_HOLDS.get(holding, holding), "rows": sorted(rows, key=lambda row: -row["over"])}
            for holding, rows in groups.items()
            if rows
        ],
    }


def _mean(report: dict[str, Any], part: str, name: str) -> float | None:
    """A mean of the report, in percent."""
    values = report.get(part)
    value = values.get(name) if isinstance(values, dict) else None
    return float(value["mean"]) if _is_value(value) else None


def _attack(row: dict[str, Any], *, least: float) -> dict[str, Any]:
    accuracy, floor = row["accuracy"], row["floor"]
    over, error, leak = row.get("points_over_floor"), row.get("standard_error"), row.get("leak")
    return {
        "name": str(row.get("name", "")),
        "interface": str(row.get("interface", "")),
        "over": over if _is_number(over) else accuracy["mean"] - floor["mean"],
        "error": error if _is_number(error) else math.hypot(_error(accuracy), _error(floor)),
        "leak": leak if _is_number(leak) else None,
        "accuracy": accuracy["mean"],
        "floor": floor["mean"],
        "useful": accuracy["mean"] >= least,
    }


def _holding(row: dict[str, Any]) -> str:
    """What the attacker of an older report holds."""
    return "weights" if row.get("interface") == "weights" else "nothing"


def _error(value: dict[str, Any]) -> float:
    """The standard error of a mean over seeds."""
    std, seeds = value.get("std"), value.get("seeds")
    return float(std / math.sqrt(seeds)) if _is_number(std) and _is_number(seeds) and seeds > 0 else 0.0


def _is_value(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and _is_number(value.get("mean"))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _dicts(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _is_soft_label(row: dict[str, Any]) -> bool:
    series = [row.get(name) for name in ("original", "closed", "open")]
    return all(isinstance(each, list) and each for each in series) and len({len(each or ()) for each in series}) == 1


def _soft_label(row: dict[str, Any], class_names: list[Any] | None) -> dict[str, Any]:
    label, count = row.get("label"), len(row["original"])
    names = [str(name) for name in class_names] if class_names and len(class_names) == count else None
    shown = names[label] if names and isinstance(label, int) and 0 <= label < count else label
    return {
        "index": row.get("index"),
        "label": shown,
        "classes": names or [str(number) for number in range(count)],
        "temperature": row.get("temperature"),
        **{name: row[name] for name in ("original", "closed", "open")},
    }
