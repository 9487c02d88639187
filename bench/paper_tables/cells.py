"""What a table is made of: cells, each one number that is measured for every seed."""

from dataclasses import dataclass, replace
from typing import Any

FIRST, SECOND = "first", "second"
OWN = "own"


@dataclass(frozen=True)
class Recipe:
    """How a teacher was wrapped: a policy, and changes to the scale's settings. "normal" is the original itself."""

    policy: str = "normal"
    changes: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Cell:
    """How often a `student` is right (none: the `teacher` itself; without a teacher: a student of the labels alone).

    `data` FIRST or SECOND. The teacher, a net of that name wrapped by the `recipe`, is asked on x, or under a `key`:
    OWN or "random-N". `temperature` 0 is the data's own.
    """

    data: str
    teacher: str = ""
    recipe: Recipe = Recipe()
    key: str = ""
    student: str = ""
    temperature: float = 0.0

    @property
    def scratch(self) -> "Cell":
        """The same student without a teacher: what this one is compared with."""
        return Cell(self.data, student=self.student)


@dataclass(frozen=True)
class Row:
    """One line of a table: its name, and its cells by the columns' names."""

    label: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """`columns` in order; a row need not have all of them."""

    number: int
    title: str
    about: str
    data: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def narrowed(self, rows: tuple[str, ...], columns: tuple[str, ...]) -> "Table":
        """The same table with these rows and columns alone (all, where none are named)."""
        kept = (
            Row(row.label, {name: cell for name, cell in row.cells.items() if not columns or name in columns})
            for row in self.rows
            if not rows or row.label in rows
        )
        return replace(self, rows=tuple(kept))

    def cells(self) -> list[Cell]:
        """All that must be measured: each cell, and the student of the labels alone beside each student."""
        found: dict[Cell, None] = {}
        for row in self.rows:
            for cell in row.cells.values():
                if cell.student:
                    found[cell.scratch] = None
                found[cell] = None
        return list(found)
