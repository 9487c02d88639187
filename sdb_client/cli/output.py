"""What commands print: JSON for programs, tables and lines for people; errors and progress go to stderr."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

import sdb_client


def show_json(value: Any) -> None:
    """`value`, which may hold our dataclasses, as JSON on stdout."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def show_one(row: Any, *, as_json: bool) -> None:
    """One object: its fields, one a line."""
    fields = _plain(row)
    if as_json:
        show_json(fields)
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        if value is not None:
            typer.echo(f"{name:<{width}}  {_text(value)}")


def show_rows(rows: Iterable[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Objects of one kind: all their fields as a JSON list, or these columns as a table."""
    plain = [_plain(row) for row in rows]
    if as_json:
        show_json(plain)
        return
    show_table(columns, [[_text(row.get(column)) for column in columns] for row in plain])


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout, as wide as its words where that is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - drawing is slow to load
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 1000
    console.print(table)


def say(line: str) -> None:
    """A remark for people, on stderr."""
    typer.echo(line, err=True)


def complain(error: Exception) -> None:
    """One sentence on stderr, with code and request_id; under --json also an object on stdout."""
    if isinstance(error, sdb_client.SDBError):
        code, detail = error.code, error.detail
    else:
        code, detail = "local_error", str(error)
    request_id = getattr(error, "request_id", None)
    marks = f"{code}, request {request_id}" if request_id else code
    say(f"sdb: {detail} ({marks})")
    if "--json" in sys.argv[1:]:
        show_json({"error": {"code": code, "detail": detail, "request_id": request_id}})


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
