"""Commands of the method where no package is but the four it needs: run by `test_bare_machine.py` in a fresh Python."""

import contextlib
import importlib
import importlib.metadata as metadata
import io
import json
import pkgutil
import re
import sys
import sysconfig
from typing import Any

NEEDED = ("torch", "torchvision", "numpy", "safetensors")
FIGURES = "sdb_core.figures"  # loads matplotlib, which says so


class Hiding:
    """A finder of modules that finds the `known` top-level names alone."""

    def __init__(self, finder: Any, known: set[str]) -> None:
        self._finder, self._known = finder, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return self._finder.find_spec(name, path, target) if name.partition(".")[0] in self._known else None


def known_names() -> set[str]:
    """What may be loaded: the standard library, the method, the packages it needs and what these need themselves."""
    wanted, found = list(NEEDED), set()
    while wanted:
        package = _plain(wanted.pop())
        if package not in found:
            found.add(package)
            with contextlib.suppress(metadata.PackageNotFoundError):  # needed on other systems
                wanted += [line for line in metadata.requires(package) or () if "extra ==" not in line]
    names = metadata.packages_distributions().items()
    third = {name for name, packages in names if found & set(map(_plain, packages))}
    return third | set(sys.stdlib_module_names) | {"sdb_core"}


def unloadable() -> list[str]:
    """The modules of the method, but for its figures, that cannot be imported."""
    import sdb_core

    failed = []
    for module in pkgutil.walk_packages(sdb_core.__path__, "sdb_core."):
        if not module.name.startswith(FIGURES):
            try:
                importlib.import_module(module.name)
            except ImportError as error:
                failed.append(f"{module.name}: {error}")
    return failed


def answer(arguments: list[str]) -> dict[str, Any]:
    """Exit code and answer of one command."""
    from sdb_core.__main__ import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main([*arguments, "--json"])
    return {"code": code, "said": json.loads(said.getvalue())}


def _plain(requirement: str) -> str:
    """The normalised name at the head of a requirement."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


if __name__ == "__main__":
    known = known_names()
    sysconfig.get_config_vars()  # loads a module of the standard library whose name is the platform's
    sys.meta_path[:] = [Hiding(finder, known) for finder in sys.meta_path]
    told = {"unloadable": unloadable(), "answers": [answer(command) for command in json.loads(sys.argv[1])]}
    sys.stdout.write(json.dumps(told))
