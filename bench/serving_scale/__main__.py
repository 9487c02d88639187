"""How predictions scale: processes, boxes, more boxes than memory, rest, and malformed requests.

    python -m bench.serving_scale [--quick] [--parts boxes memory] [--json bench/results/serving_scale.json]
        [--picture docs/images/serving_scale.png]

The server runs on core 0 and the load generator on core 1, but for `processes`. A run of all parts takes about 12
minutes and 2 GB of disk for as long, with `--quick` three. `--parts` measures some; with `--json` it renews them in
the file and leaves the others. Every part says with which machine, versions and settings it was measured.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from rich.progress import Progress

from bench.rows import Row, machine
from bench.servers.networks import write_onnx
from bench.servers.peers import versions
from bench.servers.process import end_on_signal
from bench.serving_scale import at_rest, beside_malformed, over_boxes, over_memory, over_processes
from bench.serving_scale.picture import picture
from bench.serving_scale.plan import CLIENT, QUICK, Plan, Room

PARTS: dict[str, Callable[[Room], Row]] = {
    "rest": at_rest.measured,
    "processes": over_processes.measured,
    "malformed": beside_malformed.measured,
    "memory": over_memory.measured,
    "boxes": over_boxes.measured,
}
_LONG = ("rows", "plan", "machine", "versions")  # in the file, not in what is printed
_PACKAGES = ("onnxruntime", "fastapi", "uvicorn", "uvloop", "httptools", "kornia_rs", "pillow")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, keep and draw."""
    given = _arguments(arguments)
    if not os.sched_getaffinity(0) >= {0, 1}:
        raise SystemExit("the server and the load generator need cores 0 and 1")
    end_on_signal()
    plan, small = QUICK if given.quick else Plan(), _small()
    found = json.loads(given.json.read_text()) if given.json and given.json.is_file() else {}
    if given.picture and not {"boxes", "processes"} <= {*found, *given.parts}:
        raise SystemExit("the picture is of `boxes` and `processes`: measure both, or name a file that has them")
    with Progress(disable=not sys.stderr.isatty()) as progress:
        for part in progress.track(given.parts, description="parts"):
            found[part] = json.loads(json.dumps(measured(part, plan, small)))
            print(
                json.dumps({part: {name: value for name, value in found[part].items() if name not in _LONG}}, indent=1)
            )
            if given.json:
                given.json.parent.mkdir(parents=True, exist_ok=True)
                given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.picture:
        given.picture.write_bytes(picture(found).png())


def measured(part: str, plan: Plan, small: bytes) -> Row:
    """One part, with the settings, the versions and the machine it was measured with; `small` is the ONNX it serves."""
    started, before = time.monotonic(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CLIENT})
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = PARTS[part](Room(plan, Path(folder), small))
    finally:
        os.sched_setaffinity(0, before)
    settings = {"plan": asdict(plan), "machine": machine(), "versions": _versions()}
    return {**settings, "took_seconds": round(time.monotonic() - started, 1), **found}


def _small() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "small.onnx"
        write_onnx("sdb:cnn-small", onnx)
        return onnx.read_bytes()


@cache
def _versions() -> Row:
    return {"python": platform.python_version(), **versions(sys.executable, _PACKAGES)}


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m bench.serving_scale", description=about)
    parser.add_argument("--quick", action="store_true", help="fewer boxes, fewer and shorter rounds: about 3 minutes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured; else all")
    parser.add_argument("--json", type=Path, help="keep every row here")
    parser.add_argument("--picture", type=Path, help="draw `processes` and `boxes` here, a PNG")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
