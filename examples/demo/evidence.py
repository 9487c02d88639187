"""The evidence as tables for a terminal."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

_ACCURACY = (("original", "original"), ("closed", "box, without the key"), ("open", "box, with the key"))
_STUDENTS = (
    ("scratch", "student from scratch"),
    ("label_smoothing", "student from scratch, label smoothing"),
    ("from_original", "student of the original"),
    ("closed", "student of the box, without the key"),
    ("open", "student of the box, with the key"),
)


def tables(report: dict[str, Any]) -> Group:
    """What was kept, what was hidden, how it stood up to attack, and the verdicts."""
    return Group(_evidence(report), _attacks(report), _verdicts(report))


def _evidence(report: dict[str, Any]) -> Table:
    rivals = report.get("comparison", {})
    table = Table(title="Test accuracy in percent (mean ± standard deviation over seeds)", title_justify="left")
    table.add_column("")
    table.add_column(report["policy"], justify="right")
    for policy in rivals:
        table.add_column(f"{policy} (the paper's losses)" if policy == "sdb" else policy, justify="right")
    for name, words in _ACCURACY:
        others = [_points(rival["accuracy"].get(name)) for rival in rivals.values()]
        table.add_row(words, _points(report["accuracy"][name]), *others)
    table.add_section()
    for name, words in _STUDENTS:
        if name in report["students"]:
            others = [_points(rival["students"].get(name)) for rival in rivals.values()]
            table.add_row(words, _points(report["students"][name]), *others)
    return table


def _attacks(report: dict[str, Any]) -> Table:
    """The strongest first; who holds more than answers is marked. Over the floor: with one standard error."""
    title = "Attacks: what a thief's student reaches"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))  # fits into 80 letters
    for name in ("attack", "sees", "floor", "student", "over floor", "leak"):
        table.add_column(name, justify="left" if name in {"attack", "sees"} else "right")
    for attack in sorted(report["attacks"], key=lambda row: (row["holds"], -row["points_over_floor"])):
        leak = "–" if attack["leak"] is None else f"{attack['leak']:.2f}"
        over = f"{attack['points_over_floor']:+.1f} ± {attack['standard_error']:.1f}"
        name = attack["name"] if attack["holds"] == "nothing" else f"{attack['name']} (holds {attack['holds']})"
        table.add_row(name, attack["interface"], _points(attack["floor"]), _points(attack["accuracy"]), over, leak)
    return table


def _verdicts(report: dict[str, Any]) -> Table:
    table = Table(title="Verdicts", title_justify="left")
    for name in ("goal", "verdict", "why"):
        table.add_column(name)
    for goal, verdict in report["verdicts"].items():
        table.add_row(goal, _word(verdict["pass"]), verdict["why"])
    return table


def _word(passed: bool | None) -> Text:
    if passed is None:
        return Text("not measured", "yellow")
    return Text("pass", "green") if passed else Text("fail", "red")


def _points(value: dict[str, Any] | None) -> str:
    if value is None:
        return ""
    spread = f" ± {value['std']:.1f}" if value["seeds"] > 1 else ""
    return f"{value['mean']:.1f}{spread}"
