"""report: a finished report as a page, and its figures as files."""

import argparse
import json
from pathlib import Path
from typing import Any

from sdb_core.commands.options import Answer, check_place, plain
from sdb_core.errors import InvalidSettings, ReportUnreadable
from sdb_core.evidence import read_report
from sdb_core.files import write_atomically
from sdb_core.report_page import draw, report_page


def add_to(commands: Any) -> None:
    """This command and its options."""
    text = "write a report as one page that stands alone"
    parser = commands.add_parser("report", help=text, description=text)
    parser.set_defaults(command=_report, show=plain, parser=parser, threads=1, device="cpu")
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="what `evaluate` or `attack` wrote")
    parser.add_argument("--out", type=Path, metavar="REPORT.html", help="default: beside the report")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="also write each figure as .svg and .png")
    parser.add_argument("--json", action="store_true", help="answer JSON on stdout")


def _report(given: argparse.Namespace) -> Answer:
    report = _read(given.report)
    out = given.out or given.report.with_suffix(".html")
    check_place(out)
    if given.figures and not given.figures.parent.is_dir():
        raise InvalidSettings(f"There is no folder {given.figures.parent}; make it first.")
    write_atomically(out, report_page(report).encode())
    return {"page": str(out), "figures": _write_figures(report, given.figures) if given.figures else []}


def _write_figures(report: dict[str, Any], folder: Path) -> list[str]:
    drawings = draw(read_report(report))
    folder.mkdir(exist_ok=True)
    written = []
    for drawing in drawings:
        for ending, content in ((".svg", drawing.svg.encode()), (".png", drawing.png())):
            path = folder / f"{drawing.name}{ending}"
            write_atomically(path, content)
            written.append(str(path))
    return written


def _read(path: Path) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ReportUnreadable(f"{path} is no JSON file that can be read; name a report of `evaluate`.") from error
    return report
