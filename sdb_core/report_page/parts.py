"""Small pieces of HTML. Whatever comes in as text is escaped here."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from sdb_core.evidence import Value

NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column's heading; numbers stand at the right."""

    heading: str
    number: bool = True


def table(columns: Sequence[Column], rows: Sequence[str], *, caption: str, mark: str = "short") -> str:
    """A table of rows made by `row` and `group`, which scrolls by itself where it is wider than the screen.

    A `mark` "short" keeps it on one sheet of paper, "long" does not; "words" is short, and its cells hold sentences.
    """
    heads = "".join(f'<th scope="col"{_kind(each)}>{escape(each.heading)}</th>' for each in columns)
    body = "\n".join(rows)
    return (
        f'<div class="scroll {mark}" role="region" aria-label="{escape(columns[0].heading)}">'
        f"<table>\n<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def row(columns: Sequence[Column], cells: Sequence[str], *, mark: str = "", about: str = "") -> str:
    """One row; its first cell names it, with a word `about` it below. `mark` is a class of the style sheet."""
    first, *others = zip(columns, cells, strict=True)
    below = f"<small>{escape(about)}</small>" if about else ""
    written = f'<th scope="row"{_kind(first[0])}>{escape(first[1])}{below}</th>'
    written += "".join(f"<td{_kind(column)}>{escape(cell)}</td>" for column, cell in others)
    marked = f' class="{mark}"' if mark else ""
    return f"<tr{marked}>{written}</tr>"


def group(columns: Sequence[Column], heading: str) -> str:
    """A row that names the rows below it."""
    return f'<tr class="group"><th colspan="{len(columns)}" scope="colgroup">{escape(heading)}</th></tr>'


def facts(pairs: Sequence[tuple[str, str]], *, columns: bool = False) -> str:
    """Names with their values; in several columns where they are short."""
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="columns">{listed}</dl>' if columns else f"<dl>{listed}</dl>"


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def accuracy(value: Value | None) -> str:
    """Percent, with the deviation where there is more than one seed."""
    if value is None:
        return NOTHING
    return f"{value.mean:.1f} ± {value.std:.1f}" if value.seeds > 1 else f"{value.mean:.1f}"


def points(difference: float, error: float | None = None) -> str:
    """A signed difference in points, with its standard error where there is one."""
    written = f"{difference:+.1f}".replace("-0.0", "+0.0").replace("-", "−")
    return written if error is None else f"{written} ± {error:.1f}"


def _kind(column: Column) -> str:
    return ' class="number"' if column.number else ""
