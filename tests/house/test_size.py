"""A file says one thing: under 250 lines, functions under 40."""

import ast
from pathlib import Path

from tests.house.tree import named, parsed, python_files

FILE_LINES = 250
FUNCTION_LINES = 40

LONG_FILES = {
    "migrations/versions/0001_the_first_tables.py",  # a migration is read once, beside its tables
}
LONG_FUNCTIONS = {
    "migrations/versions/0001_the_first_tables.py: upgrade",
    "migrations/versions/0001_the_first_tables.py: downgrade",
}


def test_files_are_under_250_lines() -> None:
    long = {named(path): _lines(path) for path in python_files() if _lines(path) >= FILE_LINES}
    assert set(long) - LONG_FILES == set(), long


def test_functions_are_under_40_lines() -> None:
    long = {
        f"{named(path)}: {node.name}": length
        for path in python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) >= FUNCTION_LINES
    }
    assert set(long) - LONG_FUNCTIONS == set(), long


def test_every_exception_is_still_needed() -> None:
    by_name = {named(path): path for path in python_files()}
    assert {name for name in LONG_FILES if _lines(by_name[name]) < FILE_LINES} == set()
    functions = {
        f"{name}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name in LONG_FILES
        for node in ast.walk(parsed(by_name[name]))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name for name in LONG_FUNCTIONS if functions[name] < FUNCTION_LINES} == set()


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
