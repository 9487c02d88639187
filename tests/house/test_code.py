"""Words that stand in one place only, and names that say nothing."""

import ast
from pathlib import Path

from tests.house.tree import PACKAGES, files, named, parsed, python_files

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common", "data2"}
READS_ENVIRONMENT = {
    "sdb_service/settings.py",
    "sdb_service/launcher/children.py",  # hands its own environment on to the processes it starts
}


def test_commit_stands_in_one_file() -> None:
    found = {named(path) for path in files(*PACKAGES, ending=".py") if "commit" in _methods_called(parsed(path))}
    assert found == {"sdb_service/db.py"}


def test_torch_load_stands_in_one_file() -> None:
    found = {
        named(path)
        for path in files(*PACKAGES, ending=".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load"
    }
    assert found == {"sdb_core/checkpoints.py"}


def test_the_environment_is_read_in_few_places() -> None:
    found = {named(path) for path in files("api", "sdb_service", "worker", ending=".py") if _reads_environment(path)}
    assert found <= READS_ENVIRONMENT, found - READS_ENVIRONMENT


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [named(path) for path in python_files() if path.stem in EMPTY_NAMES] == []


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    silent = [named(path) for path in files(*PACKAGES, ending=".py") if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_no_test_is_written_that_expects_to_fail() -> None:
    found = [named(path) for path in files("tests", ending=".py") if "xfail" in _methods_called(parsed(path))]
    assert found == []


def _methods_called(tree: ast.Module) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def _reads_environment(path: Path) -> bool:
    attributes = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)]
    return any(ast.unparse(node) in {"os.environ", "os.getenv"} for node in attributes)
