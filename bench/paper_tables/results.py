"""The result file: every table's numbers with all that they depend on."""

import platform
import statistics
from typing import Any

import torch

from bench.paper_tables.cells import FIRST, SECOND, Cell, Row, Table
from bench.paper_tables.ledger import COLLAPSED, DIVERGED, Record
from bench.paper_tables.paper import DIFFERENCES_TO_SCRATCH
from bench.paper_tables.workshop import Workshop

SCHEMA = "paper-tables/1"


def gathered(
    tables: list[Table], workshop: Workshop, *, seeds: int, chosen: list[Table], about: dict[str, Any]
) -> dict[str, Any]:
    """All six tables as far as they are measured; `missing` counts the numbers that the chosen parts lack."""
    told = [_table(table, workshop, seeds=seeds) for table in tables]
    used = _used(tables, workshop, seeds=seeds)
    return {
        "schema": SCHEMA,
        "scale": workshop.scale.name,
        "words": workshop.scale.words,
        "differs": list(workshop.scale.differs),
        "epochs_share": workshop.scale.share,
        "seeds": seeds,
        "missing": {str(table.number): _missing(table, workshop, seeds=seeds) for table in chosen},
        **about,
        "devices": sorted({one.device for one in used}),
        "code_versions": sorted({one.code for one in used}),
        "trainings": len(used),
        "training_seconds": round(sum(record.seconds for record in used), 1),
        "processor_seconds": round(sum(record.processor_seconds for record in used), 1),
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "data": {role: one.summary for role, one in workshop.data.items()},
        "config": _config(workshop),
        "tables": told,
        "box_settings": _settings(tables, workshop),
    }


def _config(workshop: Workshop) -> dict[str, Any]:
    """The settings of originals and students; those of the boxes stand in the rows."""
    scale = workshop.scale
    nets = {FIRST: scale.nets.students, SECOND: scale.nets.second_students}
    return {
        role: {
            "original": scale.training(role).to_dict(),
            "students": {net: scale.teaching(net, role).to_dict() for net in nets[role]},
        }
        for role in workshop.data
    }


def _table(table: Table, workshop: Workshop, *, seeds: int) -> dict[str, Any]:
    there = table.data in workshop.data
    rows = [_row(table, row, workshop, seeds=seeds) for row in table.rows] if there else []
    return {
        "number": table.number,
        "title": table.title,
        "about": table.about,
        "data": table.data,
        "columns": list(table.columns),
        "rows": rows,
    }


def _missing(table: Table, workshop: Workshop, *, seeds: int) -> int:
    cells = [cell for row in table.rows for cell in row.cells.values()]
    if table.data not in workshop.data:
        return len(cells) * seeds
    return sum(_record(cell, workshop, seed) is None for cell in cells for seed in range(seeds))


def _row(table: Table, row: Row, workshop: Workshop, *, seeds: int) -> dict[str, Any]:
    cells = {}
    for column, cell in row.cells.items():
        found = _cell(cell, workshop, seeds=seeds)
        paper = DIFFERENCES_TO_SCRATCH.get((table.number, row.label, column))
        cells[column] = found | ({"paper_over_scratch": paper} if paper is not None else {})
    boxes = sorted({_box(cell) for cell in row.cells.values() if _is_boxed(cell)})
    return {"label": row.label, "boxes": boxes, "cells": cells}


def _settings(tables: list[Table], workshop: Workshop) -> dict[str, Any]:
    """The settings of every box, by the names that rows give them."""
    cells = [cell for table in tables for cell in table.cells() if _is_boxed(cell)]
    return {_box(cell): workshop.scale.wrapping(cell.recipe, cell.data).to_dict() for cell in cells}


def _is_boxed(cell: Cell) -> bool:
    return bool(cell.teacher) and cell.recipe.policy != "normal"


def _box(cell: Cell) -> str:
    """A name for a policy with its changes on one data set, in words."""
    changes = "".join(f", {name} {value}" for name, value in cell.recipe.changes)
    return f"{cell.recipe.policy}{changes} ({cell.data})"


def _cell(cell: Cell, workshop: Workshop, *, seeds: int) -> dict[str, Any]:
    records = [_record(cell, workshop, seed) for seed in range(seeds)]
    values = [record.value for record in records if record is not None and record.value is not None]
    found: dict[str, Any] = {**spread(values), "values": values}
    found["collapsed"] = sum(record is not None and record.outcome == COLLAPSED for record in records)
    found["diverged"] = sum(record is not None and record.outcome == DIVERGED for record in records)
    if cell.student and cell.teacher:
        found["over_scratch"] = spread(_differences(cell, workshop, records))
    return found


def _differences(cell: Cell, workshop: Workshop, records: list[Record | None]) -> list[float]:
    """Points over the student without a teacher, seed by seed."""
    found = []
    for seed, record in enumerate(records):
        scratch = _record(cell.scratch, workshop, seed)
        if record and scratch and record.value is not None and scratch.value is not None:
            found.append(record.value - scratch.value)
    return found


def spread(values: list[float]) -> dict[str, Any]:
    """Mean, sample deviation and how many."""
    if not values:
        return {"mean": None, "std": None, "seeds": 0}
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {
        "mean": round(statistics.mean(values), 3),
        "std": None if deviation is None else round(deviation, 3),
        "seeds": len(values),
    }


def _record(cell: Cell, workshop: Workshop, seed: int) -> Record | None:
    return workshop.trainer.ledger.records.get(workshop.digests.value(cell, seed))


def _used(tables: list[Table], workshop: Workshop, *, seeds: int) -> list[Record]:
    """The trainings that the tables' numbers come from."""
    cells = [cell for table in tables if table.data in workshop.data for cell in table.cells()]
    digests = {
        training.digest
        for cell in cells
        for seed in range(seeds)
        for training in workshop.digests.trainings(cell, seed)
    }
    return [record for digest, record in workshop.trainer.ledger.records.items() if digest in digests]
