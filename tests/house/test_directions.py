"""Who may load whom: tried by loading, and by the contracts of import-linter."""

import json
import subprocess
import sys

import pytest

from tests.house.tree import PACKAGES, ROOT, files

TRAINING = {"torch", "torchvision", "onnx", "onnxscript", "sklearn"}
WEB = {"fastapi", "starlette", "uvicorn"}
STORES = {"sqlalchemy", "celery", "boto3", "alembic"}


@pytest.mark.parametrize(
    ("modules", "never"),
    [
        (["api.app"], TRAINING | {"worker", "sdb_core", "sdb_client"}),
        (["worker.app", "worker.tasks"], TRAINING | WEB | {"api", "sdb_core", "sdb_client"}),
        (["sdb_service.runtime", "sdb_service.admin"], TRAINING | WEB | {"api", "worker", "sdb_core", "sdb_client"}),
        (["migrations"], TRAINING | WEB | {"api", "worker", "sdb_core", "sdb_client"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_process_of_the_service_does_not_load_what_it_does_not_need(modules: list[str], never: set[str]) -> None:
    assert _loaded(modules) & never == set()


def test_the_method_loads_nothing_of_ours_no_web_and_no_database() -> None:
    modules = [name for name in _modules("sdb_core") if not name.endswith("__main__")]
    loaded = _loaded(modules)
    assert "torch" in loaded
    assert loaded & (set(PACKAGES) - {"sdb_core"} | WEB | STORES | {"timm"}) == set()


def test_the_sdk_stands_alone() -> None:
    modules = [name for name in _modules("sdb_client") if not name.endswith("__main__")]
    never = set(PACKAGES) - {"sdb_client"} | WEB | STORES | TRAINING | {"pydantic_settings"}
    assert _loaded(modules) & never == set()


def test_the_command_line_shows_its_help_without_numpy() -> None:
    assert _loaded(["sdb_client.cli"]) & {"numpy", "torch"} == set()


def test_the_contracts_of_the_import_linter_are_kept() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 broken" in told.stdout


def _loaded(modules: list[str]) -> set[str]:
    """Top-level names that a fresh Python has loaded after importing these modules."""
    lines = [*(f"import {module}" for module in modules), "import json, sys"]
    lines += ["print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"]
    told = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return set(json.loads(told.stdout.splitlines()[-1]))


def _modules(package: str) -> list[str]:
    paths = [path.relative_to(ROOT).with_suffix("") for path in files(package, ending=".py")]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]
