"""A report as one HTML page that stands alone: figures and style within, no scripts, nothing loaded from elsewhere."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from sdb_core.errors import FiguresUnavailable
from sdb_core.evidence import Evidence, read_report
from sdb_core.report_page import attacks, limits, origins, results, serving, sureness, threats, verdict_cards
from sdb_core.report_page.parts import note

if TYPE_CHECKING:
    from sdb_core.figures import Drawing

_FIGURES_MISSING = "The figures were left out: matplotlib was not installed where this page was made."
_FIGURE_NAMES = ("students", "attacks", "soft-labels", "loss-curves")


def report_page(report: Mapping[str, Any], *, names: Mapping[str, str] | None = None) -> str:
    """The page of a report; `names` says more about the box at its head, such as {"Box": its id}.

    The same report gives the same bytes. Without matplotlib the page has no figures and says so.
    Raises ReportUnreadable.
    """
    evidence = read_report(report)
    try:
        figures = _figures(evidence)
        missing = ""
    except FiguresUnavailable:
        figures, missing = dict.fromkeys(_FIGURE_NAMES, ""), note(_FIGURES_MISSING)
    return Template(_text("page.html")).substitute(
        style=_text("page.css"),
        policy=escape(evidence.policy),
        names=_named(names or {}),
        missing=missing,
        verdicts=verdict_cards.cards(evidence),
        caveat=verdict_cards.caveat(evidence),
        threats=threats.table_of(evidence),
        sureness=sureness.listed(evidence),
        accuracy=results.accuracy(evidence),
        serving=serving.table_of(evidence),
        students=results.students(evidence),
        comparison=results.comparison(evidence),
        attacks=attacks.table_of(evidence),
        limits=limits.listed(evidence),
        settings=origins.settings(evidence),
        provenance=origins.provenance(evidence),
        **{f"figure_{name.replace('-', '_')}": figures.get(name, "") for name in _FIGURE_NAMES},
    )


def draw(evidence: Evidence) -> "list[Drawing]":
    """The report's figures. Raises FiguresUnavailable."""
    try:
        from sdb_core.figures import draw_figures  # noqa: PLC0415 - loads matplotlib, which only figures need
    except ImportError as error:
        raise FiguresUnavailable("Figures need matplotlib; install it: pip install matplotlib.") from error
    return draw_figures(evidence)


def _figures(evidence: Evidence) -> dict[str, str]:
    return {
        each.name: f"<figure>\n{each.inline_svg()}<figcaption>{escape(each.caption)}</figcaption>\n</figure>"
        for each in draw(evidence)
    }


def _named(names: Mapping[str, str]) -> str:
    return "".join(f" · {escape(name)} {escape(_printable(value))}" for name, value in names.items())


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _text(name: str) -> str:
    return files(__package__ or "sdb_core.report_page").joinpath(name).read_text(encoding="utf-8")


__all__ = ["draw", "report_page"]
