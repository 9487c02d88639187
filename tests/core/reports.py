"""A report as the method writes it, with every kind of row."""

import copy
import json
import math
from pathlib import Path
from typing import Any

OLD = Path(__file__).parents[1] / "browser" / "report.json"  # from before attacks said what they hold


def old_report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OLD.read_text())
    return found


def full_report() -> dict[str, Any]:
    """The same with what attacks say of themselves, attackers who hold more, curves and whole provenance."""
    report = old_report()
    for row in report["attacks"]:
        row.update(about=f"What {row['name']} does.", truth=row["name"] != "label-only", holds="nothing", notes={})
        row.update(student="sdb:cnn-mini-small", points_over_floor=row["accuracy"]["mean"] - row["floor"]["mean"])
        row["standard_error"] = math.sqrt(sum(row[name]["std"] ** 2 / 3 for name in ("accuracy", "floor")))
    report["attacks"] += [
        _attack(report, "partial-key-50", holds="part of the key", over=-1.5),
        _attack(report, "partial-key-90", holds="part of the key", over=0.5),
        _attack(report, "key-recovery", holds="weights", over=2.25, leak=0.625, notes={"correlation": 0.03125}),
        _attack(report, "far-below", holds="nothing", over=-55.0),
    ]
    report["attacks"][-1]["student"] = "sdb:cnn-mini"
    report["history"] = [
        {"step": float(step), "lr": 0.01, "loss": 4 / (step + 1), "closed_target": 3 / (step + 1), "open_ce": 0.5}
        for step in range(0, 200, 5)
    ]
    teaching = {"alpha": 0.9, "temperature": 4.0}
    report["provenance"]["config"]["evaluation"] = {"student": "sdb:cnn-mini-small", "student_settings": teaching}
    report["provenance"]["seeds"] = {"wrap": 0, "evaluation": 7, "students": 3}
    report["verdicts"]["robustness"]["standard_error"] = 0.79
    report["verdicts"]["effectiveness"]["standard_error"] = 2.45
    report["comparison"]["sdb"]["config"] = {"epochs": 60, "omega": 0.125}
    report["agreement"] = {"images": 360, "same_class": 99.2, "only_original_right": 2, "only_box_right": 1}
    report["not_measured"] = [{"what": "the attack photographs", "why": "A package is missing."}]
    return report


def with_one_student(report: dict[str, Any]) -> dict[str, Any]:
    """The same as if each kind of student had been taught once."""
    for value in (*report["students"].values(), *(row[name] for row in report["attacks"] for name in _VALUES)):
        value.update(std=0.0, seeds=1)
    for row in report["attacks"]:
        row["standard_error"] = 0.0
    for verdict in report["verdicts"].values():
        verdict.pop("standard_error", None)
    report["comparison"] = {}
    return report


_VALUES = ("floor", "accuracy")


def _attack(report: dict[str, Any], name: str, *, holds: str, over: float, **values: Any) -> dict[str, Any]:
    row = copy.deepcopy(report["attacks"][0])
    row.update(name=name, holds=holds, points_over_floor=over, interface="weights" if holds == "weights" else "logits")
    row["accuracy"]["mean"] = row["floor"]["mean"] + over
    return row | values


def served_in_int8(report: dict[str, Any], *, closed: float = 97.9, opened: float = 98.5) -> dict[str, Any]:
    """The same of a box whose predictions come from int8, right so often in percent."""
    whole = {name: {"mean": report["accuracy"][name]["mean"], "std": 0.0, "seeds": 1} for name in ("closed", "open")}
    served = {name: {"mean": mean, "std": 0.0, "seeds": 1} for name, mean in (("closed", closed), ("open", opened))}
    report["serving"] = {
        "precision": "int8",
        "calibration": {"images": 256, "seed": 0},
        "accuracy": {"float32": whole, "int8": served},
        "difference": {name: {"same_class": 99.4, "mean": 0.03125, "max": 0.5} for name in ("closed", "open")},
        "bytes": {"float32": 39_000, "int8": 21_000},
    }
    return report
