"""What students learn, and from whom: the question that the box answers."""

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from sdb_core.evidence import Evidence, Value
from sdb_core.figures.drawing import CLOSED, INK, OPEN, ORIGINAL, SOFT, Drawing, new_figure, rows_axis, short, signed

_ROWS = (
    ("scratch", "nobody", ORIGINAL),
    ("label_smoothing", "nobody, with label smoothing", ORIGINAL),
    ("original_labels", "the original, labels alone", ORIGINAL),
    ("from_original", "the original", ORIGINAL),
    ("closed", "the box, without the key", CLOSED),
    ("open", "the box, with the key", OPEN),
)
_RIVAL_ROWS = (("closed", "without the key", CLOSED), ("open", "with the key", OPEN))
_CAPTION = (
    "Left: test accuracy of students by who taught them; the number is the mean over seeds. Right: the same in points "
    "against the student that nobody taught. Whiskers: one standard deviation over seeds, of the row alone; after ± in "
    "the title: one standard error of the difference. All of one box and one key. Hatched: the same model wrapped by "
    "another policy."
)


@dataclass(frozen=True)
class _Row:
    name: str
    value: Value
    colour: str
    rival: bool = False


def draw(evidence: Evidence) -> Drawing | None:
    """Bars with whiskers of one standard deviation: accuracy in percent, and points against the scratch student."""
    if not evidence.students:
        return None
    rows = _rows(evidence)
    scratch = evidence.students.get("scratch")
    title = _title(evidence.students)
    figure = new_figure(title, height=0.65 + 0.3 * len(rows))
    if scratch is None:
        _draw_accuracy(figure.subplots(), rows)
    else:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.15))
        _draw_accuracy(left, rows)
        _draw_differences(right, rows, scratch)
    return Drawing("students", title, _CAPTION, figure)


def _rows(evidence: Evidence) -> list[_Row]:
    known = evidence.students
    rows = [_Row(words, known[name], colour) for name, words, colour in _ROWS if name in known]
    for policy, rival in evidence.rivals.items():
        rows += [
            _Row(f"{short(policy)}'s box, {words}", rival.students[name], colour, rival=True)
            for name, words, colour in _RIVAL_ROWS
            if name in rival.students
        ]
    return rows


def _draw_accuracy(axes: Axes, rows: list[_Row]) -> None:
    rows_axis(axes, [row.name for row in rows], unit="test accuracy, %")
    axes.set_title("taught by", x=-0.02, ha="right", color=SOFT)
    axes.set_xlim(0, 118)
    axes.set_xticks(range(0, 101, 25))
    for place, row in enumerate(rows):
        _bar(axes, place, row, length=row.value.mean, spread=row.value.std)
        axes.text(row.value.mean + row.value.std + 1.5, place, f"{row.value.mean:.1f}", va="center", fontsize=8.5)


def _draw_differences(axes: Axes, rows: list[_Row], scratch: Value) -> None:
    rows_axis(axes, [row.name for row in rows], unit="points against the student from scratch")
    axes.axvline(0, color=SOFT, linewidth=1)
    ends = [0.0]
    for place, row in enumerate(rows):
        difference = row.value.mean - scratch.mean
        _bar(axes, place, row, length=difference, spread=row.value.std)
        outside = row.value.std if difference >= 0 else -row.value.std
        ends.append(difference + outside)
        axes.annotate(
            signed(difference) if row.value is not scratch else "0",
            (difference + outside, place),
            xytext=(4 if difference >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if difference >= 0 else "right",
            va="center",
            fontsize=8.5,
        )
    room = 0.14 * max(max(ends) - min(ends), 1.0)
    axes.set_xlim(min(ends) - room, max(ends) + room)


def _bar(axes: Axes, place: int, row: _Row, *, length: float, spread: float) -> None:
    look: dict[str, Any] = {"color": row.colour}
    if row.rival:
        look = {"facecolor": "white", "edgecolor": row.colour, "hatch": "////"}
    axes.barh(place, length, height=0.62, **look)
    axes.errorbar(length, place, xerr=spread, color=INK, elinewidth=1.2, capsize=2.5, linestyle="none")


def _title(students: dict[str, Value]) -> str:
    scratch, closed = students.get("scratch"), students.get("closed")
    original, opened = students.get("from_original"), students.get("open")
    if scratch is None or closed is None:
        return "Test accuracy of students"
    first = f"Without the key, a student ends {_compared(closed, scratch)} one that never saw the box"
    if original is None or opened is None:
        return first
    return f"{first}; with the key, {_compared(opened, original)} one taught by the original"


def _compared(value: Value, other: Value) -> str:
    difference = value.mean - other.mean
    error = f" ± {math.hypot(value.error, other.error):.1f}" if max(value.seeds, other.seeds) > 1 else ""
    return f"{abs(difference):.1f}{error} points {'below' if difference < 0 else 'above'}"
