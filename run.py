#!/usr/bin/env python3
"""The one way in: `python3 run.py demo | serve | test | check`. Needs Python 3.11 and nothing else.

The first run makes `.venv` and installs `requirements.lock` into it; later runs skip that. Standard library only.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "sdb-installed"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
NEEDED_GIB = 12
MOST_AT_ONCE = 4
USAGE = """usage: python3 run.py COMMAND [options]

  demo [--json FILE] [--port N] [--keep]   the whole story for real: wrap a model, license it, show the evidence
  serve [--host H] [--port N]              API, worker and dashboard on this machine
  test [pytest options]                    the tests
  check                                    format, lint, types, import directions
"""
CHECKS = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy"]),
    ("import directions", ["importlinter.cli", "lint"]),
)


def main() -> int:
    command, *rest = sys.argv[1:] or ["--help"]
    if command in {"-h", "--help", "help"}:
        print(USAGE)
        return 0
    commands = {"demo": _demo, "serve": _serve, "test": _test, "check": _check}
    if command not in commands:
        print(f"run.py: there is no command {command!r}.\n\n{USAGE}", file=sys.stderr)
        return 2
    _require_python()
    _install()
    return commands[command](rest)


def _demo(rest: list[str]) -> int:
    return _become(["-m", "examples.demo", *rest])


def _serve(rest: list[str]) -> int:
    return _become(["-m", "sdb_service.launcher", "serve", *rest])


def _test(rest: list[str]) -> int:
    """All tests run side by side, a file of them at a time; those that are named run one after the other."""
    os.chdir(ROOT)
    every = all(option.startswith("-") for option in rest)
    side_by_side = ["-n", str(min(os.cpu_count() or 1, MOST_AT_ONCE)), "--dist", "loadfile"] if every else []
    return _become(["-m", "pytest", *side_by_side, *rest])


def _check(rest: list[str]) -> int:
    if rest:
        print("run.py check takes no options.", file=sys.stderr)
        return 2
    failed = []
    for name, (module, *options) in CHECKS:
        print(f"== {name}", flush=True)
        code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
        line = ["-c", code] if module == "importlinter.cli" else ["-m", module, *options]
        if _run(line) != 0:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _become(line: list[str]) -> NoReturn:
    """Hand over for good: signals and the exit status are the command's own, and so is the folder it was called in."""
    os.environ["PYTHONPATH"] = str(ROOT)
    sys.stdout.flush()
    os.execv(str(PYTHON), [str(PYTHON), *line])


def _run(line: list[str]) -> int:
    try:
        return subprocess.run([str(PYTHON), *line], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _require_python() -> None:
    if sys.version_info < (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"run.py: this is Python {found}; run it with Python 3.11 or newer, for example: python3.11 run.py demo"
        )


def _install() -> None:
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.is_file():
        return
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < NEEDED_GIB:
        sys.exit(
            f"run.py: {free:.0f} GiB are free here and the installation needs {NEEDED_GIB}; make room and run it again."
        )
    if not PYTHON.is_file():
        _step(
            "making .venv", [sys.executable, "-m", "venv", str(VENV)], "install the venv module (Debian: python3-venv)"
        )
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _step(
        "installing the locked packages (about 7 GiB with PyTorch, some minutes)",
        [*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")],
        "check the network and run it again: what was loaded is kept",
    )
    _step(
        "installing this project",
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        "read the message above",
    )
    STAMP.write_text(wanted)


def _step(what: str, line: list[str], cure: str) -> None:
    """Run one step of the installation with a running clock, so that minutes of silence do not look like a hang."""
    started, over = time.monotonic(), threading.Event()
    clock = threading.Thread(target=_tick, args=(what, started, over), daemon=True)
    clock.start()
    done = subprocess.run(line, cwd=ROOT, check=False)
    over.set()
    clock.join()
    print(f"\r{what}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    if done.returncode != 0:
        sys.exit(f"run.py: {what} failed; {cure}.")


def _tick(what: str, started: float, over: threading.Event) -> None:
    while not over.wait(1.0):
        if sys.stderr.isatty():
            print(f"\r{what}: {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)


def _fingerprint() -> str:
    """What the installation was made from: the lock, the project file and this Python."""
    state = hashlib.sha256(sys.version.encode())
    for name in ("requirements.lock", "pyproject.toml"):
        state.update((ROOT / name).read_bytes())
    state.update(str(ROOT).encode())
    return state.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
