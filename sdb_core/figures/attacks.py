"""How far each attack gets over the floor, by what the attacker holds."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from sdb_core.evidence import HOLDINGS, Attack, Evidence
from sdb_core.figures.drawing import CLOSED, OPEN, SOFT, Drawing, new_figure, rows_axis, short, signed

_HEADINGS = {
    "nothing": "Answers alone: no key, no weights",
    "part of the key": "Answers and a part of the key",
    "weights": "The box's weights",
}
_FARTHEST = 10.0  # points under the floor that are drawn; what lies lower is an arrow, its number stands at the right
_CAPTION = (
    "Points that a thief's student reaches over its floor: what right predictions give away in any case at the same "
    "budget. Whiskers: one standard error of the difference. Orange diamonds rise over the allowed band. An arrow lies "
    "farther to the left, its number at the right. Hollow: right less than half as often as the box, and less often "
    "than from scratch, which is nothing of use and not judged. Leak: 0 is the floor, 1 is what the unprotected "
    "original would teach; a dash where that is less than a point apart."
)


@dataclass(frozen=True)
class _Line:
    """A heading where there is no attack."""

    name: str
    attack: Attack | None = None


def draw(evidence: Evidence) -> Drawing | None:
    """Points over the floor with whiskers of one standard error, sorted in each group; the leak beside."""
    if not evidence.attacks:
        return None
    lines = _lines(evidence.attacks)
    limit = next((each.limit for each in evidence.verdicts if each.goal == "robustness"), None)
    title = _title(evidence.attacks)
    figure = new_figure(title, height=0.7 + 0.235 * len(lines))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 0.26))
    _draw_lines(left, lines, limit=limit or 0.0)
    _write_numbers(right, lines)
    return Drawing("attacks", title, _CAPTION, figure)


def _lines(attacks: tuple[Attack, ...]) -> list[_Line]:
    groups: dict[str, list[Attack]] = {holding: [] for holding in HOLDINGS}
    for attack in attacks:
        groups.setdefault(attack.holds, []).append(attack)
    lines = []
    for holding, members in groups.items():
        if members:
            lines.append(_Line(_HEADINGS.get(holding, holding)))
            lines += [_Line(each.name, each) for each in sorted(members, key=lambda each: (-each.over, each.name))]
    return lines


def _draw_lines(axes: Axes, lines: list[_Line], *, limit: float) -> None:
    shown = [line.attack for line in lines if line.attack is not None]
    lowest = max(min(each.over - each.error for each in shown), -_FARTHEST)
    highest = max(limit, *(each.over + each.error for each in shown))
    room = 0.05 * (highest - lowest) + 0.1
    rows_axis(axes, [short(line.name) if line.attack else "" for line in lines], unit="points over the floor")
    axes.set_xlim(lowest - room, highest + room)
    axes.axvspan(0, limit, color="#e3edfb", zorder=0)
    axes.axvline(0, color=SOFT, linewidth=1)
    for place, line in enumerate(lines):
        if line.attack is None:
            _write_heading(axes, place, line.name[:80])
        else:
            _draw_attack(axes, place, line.attack, limit=limit, lowest=lowest)
    axes.text(0, -0.75, "floor", color=SOFT, ha="center", va="bottom", fontsize=8.5)


def _draw_attack(axes: Axes, place: int, attack: Attack, *, limit: float, lowest: float) -> None:
    over_limit = attack.over > limit and attack.useful
    colour = CLOSED if over_limit else OPEN if attack.useful else SOFT
    filling: dict[str, Any] = {"markerfacecolor": colour if attack.useful else "white"}
    if attack.over < lowest:
        axes.plot(lowest, place, marker="<", color=colour, markersize=6, linestyle="none", clip_on=False, **filling)
        return
    axes.errorbar(
        attack.over,
        place,
        xerr=attack.error,
        color=colour,
        marker="D" if over_limit else "o",
        markersize=5,
        elinewidth=1.4,
        capsize=2.5,
        linestyle="none",
        **filling,
    )


def _write_heading(axes: Axes, place: int, name: str) -> None:
    axes.text(
        0.0,
        place,
        name,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.0},
    )


def _write_numbers(axes: Axes, lines: list[_Line]) -> None:
    """Two columns beside the rows: points with their error, and the leak."""
    axes.set_axis_off()
    across = axes.get_yaxis_transform()
    for end, heading in ((0.68, "points"), (1.0, "leak")):
        axes.text(end, -0.75, heading, transform=across, va="bottom", ha="right", fontsize=8.5, color=SOFT)
    for place, line in enumerate(lines):
        if line.attack is not None:
            leak = "–" if line.attack.leak is None else f"{line.attack.leak:.2f}".replace("-", "−")
            for end, number in ((0.68, signed(line.attack.over) + _error(line.attack)), (1.0, leak)):
                axes.text(end, place, number, transform=across, va="center", ha="right", fontsize=8.5)


def _title(attacks: tuple[Attack, ...]) -> str:
    strangers = [each for each in attacks if each.holds == HOLDINGS[0]]
    bare = [each for each in strangers if each.useful]
    best = max(bare or attacks, key=lambda each: each.over)
    unjudged = f" ({len(strangers) - len(bare)} not judged)" if len(strangers) > len(bare) else ""
    who = f"Of {len(strangers)} attacks without key and weights{unjudged}, the best" if bare else "The best attack"
    where = "over" if best.over >= 0 else "under"
    return f"{who}, {short(best.name)}, ends {abs(best.over):.1f}{_error(best)} points {where} the floor"


def _error(attack: Attack) -> str:
    return f" ± {attack.error:.1f}" if attack.sure else ""
