"""From a report's JSON to values: everything is looked at once, and what is wrong is named by its place."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sdb_core.errors import ReportUnreadable
from sdb_core.evidence.values import (
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
from sdb_core.verdicts import least_useful

_SCHEMAS = ("sdb-report/1", "sdb-accuracy/1")
_LONGEST_TEXT = 2000

Entry = TypeVar("Entry")


def read_report(report: Any) -> Evidence:
    """The report `sdb-report/1` (or `sdb-accuracy/1`, which has no students) as values.

    Fields that older reports lack are derived or left out. Raises ReportUnreadable, which names the place.
    """
    if not isinstance(report, Mapping) or report.get("schema") not in _SCHEMAS:
        raise ReportUnreadable(f"This is no report of the form {' or '.join(_SCHEMAS)}; make one with `evaluate`.")
    accuracy, students = _values(report.get("accuracy"), "accuracy"), _values(report.get("students", {}), "students")
    attacks = _listed(report.get("attacks", []), "attacks", _attack)
    return Evidence(
        policy=_text(report.get("policy"), "policy"),
        accuracy=accuracy,
        students=students,
        attacks=_judged(attacks, box=accuracy.get("closed"), scratch=students.get("scratch")),
        verdicts=tuple(_verdict(goal, row) for goal, row in _mapping(report.get("verdicts", {}), "verdicts").items()),
        rivals={name: _rival(name, row) for name, row in _mapping(report.get("comparison", {}), "comparison").items()},
        soft_labels=_listed(report.get("soft_labels", []), "soft_labels", _soft_labels),
        history=_listed(report.get("history", []), "history", _numbers),
        provenance=dict(_mapping(report.get("provenance", {}), "provenance")),
        tracing=_tracing(report["tracing"]) if report.get("tracing") else None,
        agreement=_agreement(report["agreement"]) if report.get("agreement") else None,
        serving=_serving(report["serving"]) if report.get("serving") else None,
        not_measured=_listed(report.get("not_measured", []), "not_measured", _not_measured),
    )


def _attack(row: Mapping[str, Any], where: str) -> Attack:
    accuracy, floor = _value(row.get("accuracy"), f"{where}.accuracy"), _value(row.get("floor"), f"{where}.floor")
    name, interface = _text(row.get("name"), f"{where}.name"), _text(row.get("interface"), f"{where}.interface")
    over, error = row.get("points_over_floor"), row.get("standard_error")
    return Attack(
        name=name,
        interface=interface,
        query_budget=int(_number(row.get("query_budget"), f"{where}.query_budget")),
        data_budget=_text(row.get("data_budget"), f"{where}.data_budget"),
        floor=floor,
        accuracy=accuracy,
        leak=_optional(row.get("leak"), f"{where}.leak"),
        over=accuracy.mean - floor.mean if over is None else _number(over, f"{where}.points_over_floor"),
        error=math.hypot(accuracy.error, floor.error) if error is None else _number(error, f"{where}.standard_error"),
        holds=_text(row["holds"], f"{where}.holds") if "holds" in row else _holding(name, interface),
        truth=bool(row["truth"]) if "truth" in row else None,
        student=_text(row["student"], f"{where}.student") if row.get("student") else None,
        about=_text(row.get("about", ""), f"{where}.about"),
        notes=_notes(row.get("notes", {}), f"{where}.notes"),
    )


def _judged(attacks: tuple[Attack, ...], *, box: Value | None, scratch: Value | None) -> tuple[Attack, ...]:
    least = least_useful(box=box.mean if box else 0.0, scratch=scratch.mean if scratch else math.inf)
    return tuple(dataclasses.replace(each, useful=each.accuracy.mean >= least) for each in attacks)


def _notes(rows: Any, where: str) -> dict[str, str]:
    """Texts and numbers, all as text."""
    found = _mapping(rows, where).items()
    return {_text(name, where): value if isinstance(value, str) else f"{value:g}" for name, value in found}


def _holding(name: str, interface: str) -> str:
    """What the attacker of an older report's row holds."""
    if interface == "weights":
        return WEIGHTS
    return PART if name.startswith("partial-key") else NOTHING


def _verdict(goal: str, row: Any) -> Verdict:
    where = f"verdicts.{goal}"
    row = _mapping(row, where)
    passed = row.get("pass")
    return Verdict(
        goal=_text(goal, where),
        passed=passed if isinstance(passed, bool) else None,
        value=_optional(row.get("value"), f"{where}.value"),
        limit=_optional(row.get("limit"), f"{where}.limit"),
        why=_text(row.get("why", ""), f"{where}.why"),
        error=_optional(row.get("standard_error"), f"{where}.standard_error"),
    )


def _rival(policy: str, row: Any) -> Rival:
    where = f"comparison.{policy}"
    row = _mapping(row, where)
    return Rival(
        accuracy=_values(row.get("accuracy", {}), f"{where}.accuracy"),
        students=_values(row.get("students", {}), f"{where}.students"),
        config=dict(_mapping(row.get("config", {}), f"{where}.config")),
    )


def _soft_labels(row: Mapping[str, Any], where: str) -> SoftLabels:
    series = [_series(row.get(name), f"{where}.{name}") for name in ("original", "closed", "open")]
    if len({len(each) for each in series}) != 1 or not series[0]:
        raise ReportUnreadable(f"The report's {where} has teachers with different numbers of classes.")
    return SoftLabels(
        int(_number(row.get("index"), f"{where}.index")),
        int(_number(row.get("label"), f"{where}.label")),
        _number(row.get("temperature"), f"{where}.temperature"),
        *series,
    )


def _tracing(row: Any) -> Tracing:
    row = _mapping(row, "tracing")
    share, noise, false_accusation = (
        _number(row.get(name), f"tracing.{name}") for name in ("share", "noise", "false_accusation")
    )
    licenses = int(_number(row.get("licenses"), "tracing.licenses"))
    return Tracing(share, noise, licenses, false_accusation, _value(row.get("open"), "tracing.open"))


def _agreement(row: Any) -> Agreement:
    row = _mapping(row, "agreement")
    images, original, box = (
        int(_number(row.get(name), f"agreement.{name}")) for name in ("images", "only_original_right", "only_box_right")
    )
    return Agreement(max(1, images), _number(row.get("same_class"), "agreement.same_class"), original, box)


def _serving(row: Any) -> Serving:
    row = _mapping(row, "serving")
    precision = _text(row.get("precision"), "serving.precision")
    parts = {name: _mapping(row.get(name), f"serving.{name}") for name in ("accuracy", "difference", "bytes")}
    calibration = _mapping(row.get("calibration"), "serving.calibration")
    images, seed = (int(_number(calibration.get(name), f"serving.calibration.{name}")) for name in ("images", "seed"))
    sizes = [int(_number(parts["bytes"].get(name), f"serving.bytes.{name}")) for name in ("float32", precision)]
    exact, served = (
        _values(parts["accuracy"].get(name), f"serving.accuracy.{name}") for name in ("float32", precision)
    )
    apart = {_text(name, "serving.difference"): _rounding(row) for name, row in parts["difference"].items()}
    return Serving(precision, images, seed, exact, served, apart, *sizes)


def _rounding(row: Any) -> Rounding:
    where = "serving.difference"
    row = _mapping(row, where)
    return Rounding(*(_number(row.get(name), f"{where}.{name}") for name in ("same_class", "mean", "max")))


def _not_measured(row: Mapping[str, Any], where: str) -> NotMeasured:
    return NotMeasured(_text(row.get("what"), f"{where}.what"), _text(row.get("why"), f"{where}.why"))


def _numbers(row: Mapping[str, Any], where: str) -> dict[str, float]:
    return {_text(name, where): _number(value, f"{where}.{name}") for name, value in row.items()}


def _values(rows: Any, where: str) -> dict[str, Value]:
    return {_text(name, where): _value(row, f"{where}.{name}") for name, row in _mapping(rows, where).items()}


def _value(row: Any, where: str) -> Value:
    row = _mapping(row, where)
    mean, std = _number(row.get("mean"), f"{where}.mean"), _number(row.get("std"), f"{where}.std")
    return Value(mean, std, max(1, int(_number(row.get("seeds"), f"{where}.seeds"))))


def _listed(rows: Any, where: str, read: Callable[[Mapping[str, Any], str], Entry]) -> tuple[Entry, ...]:
    if not isinstance(rows, list):
        raise ReportUnreadable(f"The report's {where} is not a list.")
    return tuple(read(_mapping(row, f"{where}[{place}]"), f"{where}[{place}]") for place, row in enumerate(rows))


def _series(values: Any, where: str) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise ReportUnreadable(f"The report's {where} is not a list.")
    return tuple(_number(value, where) for value in values)


def _mapping(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise ReportUnreadable(f"The report's {where} is not an object.")
    return row


def _optional(value: Any, where: str) -> float | None:
    return None if value is None else _number(value, where)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ReportUnreadable(f"The report's {where} is not a finite number.")
    return float(value)


def _text(value: Any, where: str) -> str:
    """Printable text of a sane length: what cannot be printed becomes a space."""
    if not isinstance(value, str):
        raise ReportUnreadable(f"The report's {where} is not text.")
    return "".join(letter if letter.isprintable() else " " for letter in value[:_LONGEST_TEXT])
