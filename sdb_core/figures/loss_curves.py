"""The loss and its parts while the box was trained, as the paper's Fig. 4 shows them."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from sdb_core.evidence import Evidence
from sdb_core.figures.drawing import CLOSED, INK, OPEN, OTHERS, Drawing, new_figure, short

_NOT_LOSSES = ("step", "lr")
_DASHES = ("solid", (0, (1, 1.2)), (0, (4, 1.5)))
_CAPTION = (
    "The loss of single batches and its weighted parts by training step. Parts of the closed stream are orange, of the "
    "open one blue; the black line is their sum."
)


def draw(evidence: Evidence) -> Drawing | None:
    """One line for each part of the loss over the steps; on a logarithmic scale where all are positive."""
    history = evidence.history
    names = sorted({name for row in history for name in row if name not in _NOT_LOSSES}, key=_order)
    if len(history) < 2 or not names:
        return None
    title = _title(evidence)
    figure = new_figure(title, height=2.9)
    axes = figure.subplots()
    _draw_lines(axes, history, names)
    figure.legend(loc="outside lower left", ncols=min(5, len(names)))
    return Drawing("loss-curves", title, _CAPTION, figure)


def _draw_lines(axes: Axes, history: tuple[dict[str, float], ...], names: list[str]) -> None:
    looks = _looks(names)
    smallest = min(row[name] for row in history for name in names if name in row)
    for name in names:
        known = [row for row in history if name in row]
        steps = [row.get("step", place) for place, row in enumerate(known)]
        axes.plot(steps, [row[name] for row in known], label=short(name.replace("_", " ")), **looks[name])
    if smallest > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss, nats" if smallest <= 0 else "loss, nats (logarithmic)")
    axes.set_xlim(left=0)
    axes.margins(x=0)
    axes.grid(visible=True, axis="y")


def _looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """One colour for each stream; the parts of a stream differ in their dashes."""
    streams = {"closed": CLOSED, "open": OPEN}
    seen = dict.fromkeys(streams, 0)
    others = iter(OTHERS * len(names))
    looks: dict[str, dict[str, Any]] = {}
    for name in names:
        stream = name.split("_")[0]
        if stream in streams:
            looks[name] = {"color": streams[stream], "linestyle": _DASHES[seen[stream] % 3], "linewidth": 1.4}
            seen[stream] += 1
        else:
            looks[name] = {"color": next(others), "linewidth": 2.0 if name == "loss" else 1.4}
    return looks


def _order(name: str) -> tuple[bool, str]:
    return name != "loss", name


def _title(evidence: Evidence) -> str:
    first, last = evidence.history[0], evidence.history[-1]
    steps = int(last.get("step", len(evidence.history) - 1)) + 1
    if "loss" not in first or "loss" not in last:
        return f"The parts of the loss over {steps:,} steps of {short(evidence.policy)}"
    verb = "fell" if last["loss"] < first["loss"] else "went"
    return (
        f"The loss of {short(evidence.policy)} {verb} from {first['loss']:.3g} to {last['loss']:.3g} in {steps:,} steps"
    )
