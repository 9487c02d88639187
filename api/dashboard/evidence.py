"""A report read for showing: what is missing or odd is left out, never an error page."""

import json
from typing import Any

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
        if isinstance(value, dict) and isinstance(value.get("mean"), (int, float))
    ]
    listed = report.get("soft_labels")
    rows = [row for row in listed if _is_soft_label(row)] if isinstance(listed, list) else []
    return {"students": students, "soft_labels": [_soft_label(row, class_names) for row in rows[:SOFT_LABELS_SHOWN]]}


def _is_soft_label(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
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
