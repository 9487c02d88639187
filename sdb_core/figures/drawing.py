"""What all figures share: one style, one canvas, and files that do not depend on the day or the machine's settings."""

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which people who see no red or no green can tell apart; light and dark, for print.
INK, SOFT, LINE = "#1c2430", "#566171", "#dde3ea"
ORIGINAL, CLOSED, OPEN = "#aab4c0", "#d55e00", "#0072b2"
OTHERS = ("#1c2430", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

WIDTH = 8.0  # inches
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_DRAWN_WITH = "DejaVu Sans"  # comes with matplotlib, and is wider than the fonts that readers have: nothing runs over
_STYLE: dict[Any, Any] = {
    "font.family": _DRAWN_WITH,
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a name with a dollar sign is a name
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be read aloud and searched
    "svg.hashsalt": "sdb-report",
}
_TITLE_LETTERS = 84
_LONGEST_NAME = 30
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_DOTS_PER_INCH = 200


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure with a `name` for files, its finding as `title`, and a `caption` that says how to read it."""

    name: str
    title: str
    caption: str
    figure: Figure = field(repr=False)

    @cached_property
    def svg(self) -> str:
        """An SVG document; its ids begin with the name, so that several may stand in one page."""
        stream = io.StringIO()
        with drawing_style():
            self.figure.savefig(stream, format="svg", metadata=_NO_METADATA)
        return _named(stream.getvalue(), self.name, label=self.title)

    def inline_svg(self) -> str:
        """The same as an element of an HTML page, whose style it takes; it names no address."""
        svg = re.sub(
            r"<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", "", self.svg[self.svg.index("<svg") :], flags=re.DOTALL
        )
        return re.sub(r' xmlns(?::\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")

    def png(self) -> bytes:
        stream = io.BytesIO()
        with drawing_style():
            self.figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
        return stream.getvalue()


@contextmanager
def drawing_style() -> Iterator[None]:
    """This style alone, whatever the machine's matplotlibrc says; the settings before come back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def new_figure(title: str, *, height: float) -> Figure:
    """An empty figure with its finding above it; `height` [inches] is that of the part below."""
    lines = textwrap.wrap(title, _TITLE_LETTERS)
    above = 0.12 + 0.2 * len(lines)
    figure = Figure(figsize=(WIDTH, height + above), layout="constrained", facecolor="white")
    figure.suptitle("\n".join(lines), x=0.008, ha="left", fontsize=11.0, fontweight="bold")
    return figure


def rows_axis(axes: Axes, names: list[str], *, unit: str) -> None:
    """Rows from top to bottom, each with its name at the left, over a horizontal scale of `unit`."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(unit)
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)


def short(name: str) -> str:
    """A name as long as a figure has room for."""
    return textwrap.shorten(name, _LONGEST_NAME, placeholder=" …") if " " in name else name[:_LONGEST_NAME]


def signed(points: float) -> str:
    """A difference with its sign, as the axes write it."""
    return f"{points:+.1f}".replace("-0.0", "+0.0").replace("-", "−")


def _named(svg: str, name: str, *, label: str) -> str:
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(f"'{_DRAWN_WITH}'", _FONTS)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
