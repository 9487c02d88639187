"""How the child is started: in a bubblewrap sandbox where there is one, as a limited process otherwise.

The child opens a provider's bytes, so it gets no network, no credentials, an empty environment, read-only inputs and
one output folder. Attack considered: a crafted checkpoint that runs code (torch.load, torch.export.load).
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from sdb_service.settings import Settings
from worker.supervisor.workplace import Workplace

log = logging.getLogger(__name__)

_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
)
_PACKAGES = ("worker", "sdb_core")


def command(settings: Settings, place: Workplace, *, kappa_fd: int | None) -> list[str]:
    """The command line that starts the child on a workplace."""
    child = [sys.executable, "-m", "worker.child", str(place.inputs), str(place.outputs)]
    if kappa_fd is not None:
        child += ["--kappa-fd", str(kappa_fd)]
    return [*_bubblewrap(place), *child] if sandboxed(settings) else child


def environment(settings: Settings, place: Workplace) -> dict[str, str]:
    """All the child knows of the world: no credentials, no addresses."""
    threads = str(settings.child_threads or os.cpu_count() or 1)
    temporary = str(place.outputs / "tmp")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": temporary,
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_root()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait slow down everything else on a small machine
    }


def sandboxed(settings: Settings) -> bool:
    """Whether children run in bubblewrap.

    Raises:
        RuntimeError: the settings demand it and it does not work here.
    """
    if settings.sandbox == "none":
        return False
    works = bubblewrap_works()
    if settings.sandbox == "bubblewrap" and not works:
        raise RuntimeError("SDB_SANDBOX is bubblewrap, which does not work here; install it, or allow user namespaces.")
    return works


@lru_cache(maxsize=1)
def bubblewrap_works() -> bool:
    """Whether `bwrap` is there and may make its namespaces; said once in the log."""
    found = shutil.which("bwrap")
    works = found is not None and _try_bubblewrap(found)
    if works:
        log.info("children run in a bubblewrap sandbox")
    else:
        log.warning(
            "no bubblewrap: children run as limited processes; install bubblewrap before you take strangers' files"
        )
    return works


def _try_bubblewrap(found: str) -> bool:
    test = [found, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true"]
    return subprocess.run(test, capture_output=True, timeout=10, check=False).returncode == 0  # noqa: S603


def _bubblewrap(place: Workplace) -> list[str]:
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    for path in _read_only():
        arguments += ["--ro-bind-try", path, path]
    for device in sorted(Path("/dev").glob("nvidia*")):
        arguments += ["--dev-bind", str(device), str(device)]
    arguments += ["--ro-bind", str(place.inputs), str(place.inputs), "--bind", str(place.outputs), str(place.outputs)]
    return [*arguments, "--chdir", str(place.outputs)]


def _read_only() -> list[str]:
    packages = [str(_folder_of(name)) for name in _PACKAGES]
    return [*_SYSTEM, "/sys", sys.base_prefix, sys.prefix, *packages]


def _root() -> Path:
    return _folder_of("worker").parent


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"The package {package} is not installed beside the worker; install the project whole.")
    return Path(spec.origin).parent
