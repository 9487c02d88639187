"""The peers: how each is started, and how it wants its images."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.load import Request
from bench.pictures import as_png, pictures
from bench.servers.process import Served, free_port, has_module, start, wait_for_answer
from bench.servers.torchserve import TorchServe

_ROOT = Path(__file__).resolve().parents[2]
_BOUNDARY = "a-boundary-of-the-bench"
_QUIET = {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "1"} | {
    "BENTOML_CONFIG_OPTIONS": "api_server.logging.access.enabled=False"  # nobody else writes a line for each request
}
_VERSIONS = """
import importlib.metadata, json, sys
known = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
print(json.dumps({name: known.get(name) for name in sys.argv[1:]}))
"""


class Server(Protocol):
    """A server by others."""

    @property
    def name(self) -> str: ...

    @property
    def packages(self) -> tuple[str, ...]:
        """What its version is that of."""

    @property
    def warm_up(self) -> float:
        """Seconds of load after which it is as fast as it becomes."""

    def is_installed(self, python: str) -> bool: ...

    def start(
        self, python: str, *, network: str, folder: Path, cores: Sequence[int], env: Mapping[str, str]
    ) -> Served: ...

    def request(self, pictures: Sequence[bytes]) -> Request: ...


@dataclass(frozen=True)
class Peer:
    """A server that is a Python module."""

    name: str
    packages: tuple[str, ...]
    module: tuple[str, ...]  # of `python -m`
    path: str
    field: str | None  # of a form; None takes the picture as the body
    warm_up: float = 1.0

    def is_installed(self, python: str) -> bool:
        return all(has_module(python, package) for package in self.packages)

    def start(self, python: str, *, network: str, folder: Path, cores: Sequence[int], env: Mapping[str, str]) -> Served:
        port = free_port()
        command = [python, "-m", *self.module, "--port", str(port)]
        given = {**env, "NET": network}
        return start(command, port=port, log=folder / f"{self.name}.log", cores=cores, env=given)

    def request(self, pictures: Sequence[bytes]) -> Request:
        if self.field is None:
            return Request(self.path, pictures, "image/png")
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{self.field}"; filename="a.png"\r\n'
        start_, end = f"{head}Content-Type: image/png\r\n\r\n".encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
        bodies = [start_ + picture + end for picture in pictures]
        return Request(self.path, bodies, f"multipart/form-data; boundary={_BOUNDARY}")


_NAIVE = ("uvicorn", "--factory", "bench.servers.naive:app", "--log-level", "warning")
_BENTOML = ("bentoml", "serve", "bench.servers.bentoml_server:Classifier")

PEERS: tuple[Server, ...] = (
    Peer("naive", ("fastapi", "uvicorn", "torch"), _NAIVE, "/predict", None),
    Peer("litserve", ("litserve", "torch"), ("bench.servers.litserve_server",), "/predict", "image"),
    Peer("bentoml", ("bentoml", "torch"), _BENTOML, "/run", "images"),
    TorchServe(),
)


def start_peer(peer: Server, python: str, *, network: str, folder: Path, cores: Sequence[int]) -> Served:
    """Start it, and wait until it has answered a picture.

    Raises:
        RuntimeError: it did not come up; the message holds the end of its log.
    """
    env = {"PYTHONPATH": str(_ROOT), **_QUIET}
    served = peer.start(python, network=network, folder=folder, cores=cores, env=env)
    return wait_for_answer(served, peer.request([as_png(pictures(1)[0])]).prepared(served.port)[0])


def versions(python: str, packages: Sequence[str]) -> dict[str, str | None]:
    """The versions of packages beside this interpreter; None for one that is not there."""
    done = subprocess.run([python, "-c", _VERSIONS, *packages], check=True, stdout=subprocess.PIPE)
    found: dict[str, str | None] = json.loads(done.stdout)
    return found
