"""A customer under a license before one box, who distils a whole data set over lines that may be bad."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from sdb_client.boxes import Boxes
from sdb_service.tables import License

from .running import Service
from .weather import BadLine, Fault, MakeLine, wire

PIXELS = np.random.default_rng(2).integers(0, 256, (150, 8, 8, 1), np.uint8)
BATCH = 16

Of = Callable[[int], str]  # how many requests to `distill` came before: what happens to this one


class Desk:
    def __init__(self, service: Service, make_line: MakeLine, to: Path, *, box: str, license: str, token: str) -> None:
        self.service, self.box, self.license, self.token, self.to = service, box, license, token, to
        self.partial = to.with_name(f"{to.name}.partial")
        self.note = to.with_name(f"{to.name}.partial.json")
        self.pauses: list[float] = []
        self._make_line = make_line

    def ask(self, fault: Of = lambda _before: "pass", **options: Any) -> list[int]:
        """Distil PIXELS into `to`, and answer how many images each request carried."""
        line = self._make_line(_on_distill(fault))
        given = {"images": PIXELS, "to": self.to, "batch": BATCH, "connections": 2} | options
        Boxes(wire(self.service.url, self.token, line, pauses=self.pauses)).distill_to(self.box, **given)
        return carried(line)

    @property
    def counted(self) -> int:
        """Images that the service has counted against the license."""
        with self.service.runtime.database.reading() as session:
            return session.get_one(License, self.license).predictions

    @property
    def kept(self) -> int:
        return sum(end - start for start, end in json.loads(self.note.read_text())["done"])

    @property
    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.to.parent.iterdir() if path.name.startswith((".", self.to.name)))


def carried(line: BadLine) -> list[int]:
    """Of each request to `distill` that was sent, how many images it carried."""
    bodies = [request.content for request in line.seen if request.url.path.endswith("/distill")]
    return [len(np.load(BytesIO(body))) for body in bodies]


def _on_distill(fault: Of) -> Fault:
    before = 0

    def decide(request: httpx2.Request, _before: int) -> str:
        nonlocal before
        if not request.url.path.endswith("/distill"):
            return "pass"
        before += 1
        return fault(before - 1)

    return decide
