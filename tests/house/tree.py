"""The files of the project as the house rules see them."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api", "worker", "sdb_core", "sdb_service", "sdb_client", "migrations")
FOLDERS = (*PACKAGES, "tests", "bench", "deploy", "examples", "docs", ".ci")


def files(*folders: str, ending: str = "") -> list[Path]:
    """The project's own files below these folders, without what Python leaves behind."""
    found = [path for folder in folders for path in (ROOT / folder).rglob(f"*{ending}") if path.is_file()]
    return sorted(path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc")


def python_files() -> list[Path]:
    return [*files(*FOLDERS, ending=".py"), ROOT / "run.py"]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
