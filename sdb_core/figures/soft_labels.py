"""Soft labels of three teachers for the same test images, as the paper's Fig. 3 shows them."""

import math

from matplotlib.axes import Axes

from sdb_core.evidence import Evidence, SoftLabels
from sdb_core.figures.drawing import CLOSED, INK, OPEN, ORIGINAL, WIDTH, Drawing, new_figure

_TEACHERS = (
    ("original", "original", ORIGINAL),
    ("closed", "box, without the key", CLOSED),
    ("open", "box, with the key", OPEN),
)
_MOST_IMAGES = 6
_MOST_CLASSES = 10
_COLUMNS = 3
_CAPTION = (
    "Softened probabilities of each class for single test images, the first of each of the first classes (none was "
    "picked); the classes numbered as in the data, the true one bold. What a student could learn beyond the label lies "
    "in the small bars: without the key they should say nothing true, with the key they should be the original's. The "
    "distance in the title is the total variation, the mean over these images alone."
)


def draw(evidence: Evidence) -> Drawing | None:
    """Grouped bars of probabilities in 0..1, a panel for each image; of many classes the likeliest ten."""
    shown = evidence.soft_labels[:_MOST_IMAGES]
    if not shown:
        return None
    title = _title(shown)
    rows = math.ceil(len(shown) / _COLUMNS)
    figure = new_figure(title, height=0.45 + 1.45 * rows)
    panels = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False).flatten()
    for panel, image in zip(panels, shown, strict=False):
        _draw_image(panel, image)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    for panel in panels[::_COLUMNS]:
        panel.set_ylabel("probability")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=len(_TEACHERS), columnspacing=WIDTH / 4)
    return Drawing("soft-labels", title, _CAPTION, figure)


def _draw_image(axes: Axes, image: SoftLabels) -> None:
    classes = _likeliest(image)
    for number, (teacher, name, colour) in enumerate(_TEACHERS):
        probabilities = getattr(image, teacher)
        places = [place + 0.27 * (number - 1) for place in range(len(classes))]
        axes.bar(places, [probabilities[each] for each in classes], width=0.27, color=colour, label=name)
    axes.set_title(f"image {image.index}, class {image.label}, T = {image.temperature:g}")
    axes.set_ylim(0, 1)
    axes.set_yticks((0, 0.5, 1))
    axes.grid(visible=True, axis="y")
    axes.set_xticks(range(len(classes)), [str(each) for each in classes])
    for each, tick in zip(classes, axes.get_xticklabels(), strict=True):
        if each == image.label:
            tick.set(fontweight="bold", color=INK)


def _likeliest(image: SoftLabels) -> list[int]:
    """The classes that any teacher finds likeliest and the true one, in their order."""
    peaks = [max(each) for each in zip(image.original, image.closed, image.open, strict=True)]
    ranked = sorted(range(len(peaks)), key=lambda each: (each != image.label, -peaks[each]))
    return sorted(ranked[:_MOST_CLASSES])


def _title(shown: tuple[SoftLabels, ...]) -> str:
    closed = sum(_distance(image.original, image.closed) for image in shown) / len(shown)
    opened = sum(_distance(image.original, image.open) for image in shown) / len(shown)
    return (
        f"Without the key {closed:.0%} of the probability lies elsewhere than the original puts it, "
        f"with the key {opened:.0%}"
    )


def _distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Total variation: the share of probability that has to move to turn one into the other."""
    return 0.5 * sum(abs(a - b) for a, b in zip(one, other, strict=True))
