"""The peers: how each is started, and how it wants its images."""

import importlib.util
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load import Request
from bench.servers.process import Served, free_port, start

_BOUNDARY = "a-boundary-of-the-bench"
_QUIET = {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "1"} | {
    "BENTOML_CONFIG_OPTIONS": "api_server.logging.access.enabled=False"  # nobody else writes a line for each request
}


@dataclass(frozen=True)
class Peer:
    """A server by others, from an installed package."""

    name: str
    package: str  # what must be importable
    module: tuple[str, ...]  # of `python -m`
    path: str
    field: str | None  # of a form; None takes the picture as the body

    def is_installed(self, python: str) -> bool:
        probe = [python, "-c", f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{self.package}'))"]
        return subprocess.run(probe, check=False).returncode == 0

    def start(self, python: str, *, network: str, folder: Path, cores: Sequence[int]) -> Served:
        port = free_port()
        root = Path(__file__).resolve().parents[2]
        env = {"NET": network, "PYTHONPATH": str(root), **_QUIET}
        command = [python, "-m", *self.module, "--port", str(port)]
        return start(command, port=port, log=folder / f"{self.name}.log", cores=cores, env=env)

    def request(self, pictures: Sequence[bytes]) -> Request:
        if self.field is None:
            return Request(self.path, pictures, "image/png")
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{self.field}"; filename="a.png"\r\n'
        start_, end = f"{head}Content-Type: image/png\r\n\r\n".encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
        bodies = [start_ + picture + end for picture in pictures]
        return Request(self.path, bodies, f"multipart/form-data; boundary={_BOUNDARY}")


_NAIVE = ("uvicorn", "--factory", "bench.servers.naive:app", "--log-level", "warning")
_BENTOML = ("bentoml", "serve", "bench.servers.bentoml_server:Classifier")

PEERS = (
    Peer("naive", "fastapi", _NAIVE, "/predict", None),
    Peer("litserve", "litserve", ("bench.servers.litserve_server",), "/predict", "image"),
    Peer("bentoml", "bentoml", _BENTOML, "/run", "images"),
)


def installed_version(package: str) -> str | None:
    """The version of a package beside this interpreter; None where it is not there."""
    if importlib.util.find_spec(package) is None:
        return None
    from importlib.metadata import version

    return version(package)
