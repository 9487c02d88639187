"""The four figures of a report; importing this loads matplotlib."""

from collections.abc import Mapping
from typing import Any

from sdb_core.evidence import Evidence, read_report
from sdb_core.figures import attacks, loss_curves, soft_labels, students
from sdb_core.figures.drawing import Drawing, drawing_style


def draw_figures(report: Mapping[str, Any] | Evidence) -> list[Drawing]:
    """Students, attacks, soft labels and loss curves, in this order; a figure without numbers is left out.

    The same report gives the same bytes with the same matplotlib. Raises ReportUnreadable.
    """
    evidence = report if isinstance(report, Evidence) else read_report(report)
    with drawing_style():
        found = [each.draw(evidence) for each in (students, attacks, soft_labels, loss_curves)]
    return [drawing for drawing in found if drawing is not None]


__all__ = ["Drawing", "draw_figures"]
