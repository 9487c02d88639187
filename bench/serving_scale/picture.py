"""How throughput grows, drawn: over processes, and over boxes with the batches, the latency and the memory."""

from typing import Any

from matplotlib.axes import Axes

from bench.serving_scale.over_boxes import POPULARITIES
from sdb_core.figures.drawing import CLOSED, OPEN, ORIGINAL, Drawing, drawing_style, new_figure

_TITLE = "Predictions over the number of boxes on one core, and over processes on two"
_COLOURS = dict(zip(POPULARITIES, (OPEN, CLOSED), strict=True))
_WORDS = {"uniform": "all boxes alike", "zipf": "the k-th box 1/k as often"}


def picture(found: dict[str, Any]) -> Drawing:
    """The parts `boxes` and `processes` of a result, as it stands in its file."""
    boxes = found["boxes"]
    with drawing_style():
        figure = new_figure(_TITLE, height=4.6)
        (speed, batch), (latency, processes) = figure.subplots(2, 2)
        _over_boxes(speed, boxes["medians"], "images_per_cpu_second", "images per second of processor time")
        _over_boxes(batch, boxes["medians"], "batch", "images in a batch, mean")
        _over_boxes(latency, boxes["medians"], "p99_ms", "p99, ms")
        _over_processes(processes, found["processes"]["medians"])
        speed.legend(loc="lower left")
    return Drawing("serving_scale", _TITLE, "", figure)


def _over_boxes(axes: Axes, medians: dict[str, Any], number: str, title: str) -> None:
    for popularity in POPULARITIES:
        rows = medians[popularity]
        counts = [int(count) for count in rows]
        values = [row[number] for row in rows.values()]
        axes.plot(counts, values, color=_COLOURS[popularity], marker="o", markersize=4, label=_WORDS[popularity])
        if number == "images_per_cpu_second":
            lowest, highest = ([row[end] for row in rows.values()] for end in ("lowest", "highest"))
            axes.fill_between(counts, lowest, highest, color=_COLOURS[popularity], alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("boxes")
    axes.set_title(title)
    axes.grid(visible=True, axis="y")


def _over_processes(axes: Axes, medians: dict[str, Any]) -> None:
    names = [f"{count} process{'es' * (count != '1')}" for count in medians]
    for place, row in enumerate(medians.values()):
        for offset, number, colour in ((-0.2, "images_per_second", OPEN), (0.2, "images_per_cpu_second", ORIGINAL)):
            axes.bar(place + offset, row[number], width=0.38, color=colour)
            axes.text(place + offset, row[number], f"{row[number]:,.0f}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(names)), names)
    axes.set_title("images per second of the clock, of processor time")
