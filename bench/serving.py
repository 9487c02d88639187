"""Predictions served: this service beside the bare engine and other servers, interleaved in one run.

    python -m bench.serving [--quick] [--json bench/results/serving.json] [--peers-python PYTHON]

Every server runs in processes of its own on core 0, the load generator on core 1; all are started first, and in each
round each is measured in turn. Measured is what a server core does: images per second of processor time, of the server
and all its children, user and system. Wall time stands beside it. The ceiling is ONNX Runtime (or torch) in a bare loop
on images that are decoded already, at the batch size whose median over the rounds is best; in `png_c1_overhead_ms` it
is one image. It runs beside the same polling load generator as the servers, which makes no difference:
`ceiling_alone` is the same with the other core asleep, and in no ratio.

The peers are `pip install .[peers]`, here or in the environment of `--peers-python`, and Java for TorchServe; those
that are not there are named and left out. Each is asked until it is warm, which takes TorchServe's Java 15 seconds.
Ratios are of medians over the rounds.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from bench.load import Request
from bench.pictures import as_npy, as_png, pictures
from bench.rows import Row, asked_row, machine, median_row
from bench.servers import ceiling
from bench.servers.networks import write_onnx
from bench.servers.peers import PEERS, start_peer, versions
from bench.servers.process import Served, end_on_signal
from bench.servers.sdb import Prepared, prepare

SMALL, RESNET = "sdb:cnn-small", "sdb:resnet18"
_SERVER, _CLIENT = 0, 1  # cores
_LEAST_SECONDS = 0.3  # of a measurement of the ceiling
_NPY = "application/x-npy"
_OURS = ("onnxruntime", "torch", "fastapi", "uvicorn", "uvloop", "httptools", "kornia_rs", "pillow")


@dataclass(frozen=True)
class Task:
    """One measurement of a round."""

    contender: str
    workload: str
    run: Callable[[float], Row]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and keep."""
    given = _arguments(arguments)
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("one core is too few: the server and the load generator need one each")
    end_on_signal()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows, missing = _measured(Path(folder), given)
    found = {
        "machine": machine(),
        "versions": {"python": platform.python_version(), **versions(sys.executable, _OURS)},
        "peers": {peer.name: versions(given.peers_python, peer.packages) for peer in PEERS if peer.name not in missing},
        "rounds": given.rounds,
        "seconds": given.seconds,
        "quick": given.quick,
        "missing": missing,
        "ratios": ratios(rows),
        "medians": medians(rows),
        "rows": rows,
        "took_seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps({name: found[name] for name in ("medians", "ratios", "missing")}, indent=1))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def medians(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """The median of every number over the rounds, by workload and contender, with the spread of the speed.

    Of a ceiling the batch size counts whose median is the best: the best of each round would be its luckiest one.
    """
    alike: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        alike.setdefault((row["workload"], row["contender"], row.get("batch", 0)), []).append(row)
    found: dict[str, dict[str, Row]] = {}
    for (workload, contender, _), several in alike.items():
        row, contenders = median_row(several), found.setdefault(workload, {})
        best = contenders.setdefault(contender, row)
        if row["images_per_cpu_second"] > best["images_per_cpu_second"]:
            contenders[contender] = row
    return found


def ratios(rows: list[Row]) -> dict[str, float | None]:
    """The ratios that are promised, of medians; None where a contender is missing."""
    table = medians(rows)

    def speed(workload: str, contender: str) -> float | None:
        found = table.get(workload, {}).get(contender)
        return found["images_per_cpu_second"] if found else None

    def ratio(workload: str, other: float | None) -> float | None:
        mine = speed(workload, "sdb")
        return round(mine / other, 3) if mine and other else None

    peers = [found for peer in PEERS if (found := speed("png_c64", peer.name))]
    alone, bare = table.get("png_c1", {}).get("sdb"), table.get("ceiling_one", {}).get("onnxruntime")
    crowd = table.get("png_c64", {}).get("sdb")
    return {
        "png_c64_vs_ceiling": ratio("png_c64", speed("ceiling", "onnxruntime")),
        "png_c64_vs_best_peer": ratio("png_c64", max(peers, default=None)),
        "png_c64_vs_litserve": ratio("png_c64", speed("png_c64", "litserve")),
        "png_c1_overhead_ms": round(alone["p50_ms"] - bare["p50_ms"], 3) if alone and bare else None,
        "npy256_vs_ceiling": ratio("npy256", speed("ceiling", "onnxruntime")),
        "distill256_vs_ceiling": ratio("distill256", speed("ceiling", "onnxruntime")),
        "resnet18_c64_vs_ceiling": ratio("resnet18_c64", speed("ceiling_resnet18", "onnxruntime")),
        "png_c64_p99_over_p50": round(crowd["p99_ms"] / crowd["p50_ms"], 2) if crowd else None,
    }


def _measured(folder: Path, given: argparse.Namespace) -> tuple[list[Row], list[str]]:
    files = {name: folder / f"{name.removeprefix('sdb:')}.onnx" for name in (SMALL, RESNET)}
    for name, path in files.items():
        write_onnx(name, path)
    contents = [path.read_bytes() for path in files.values()]
    prepared = prepare(folder / "sdb", [(content, hashlib.sha256(content).hexdigest()) for content in contents])
    running: dict[str, Served] = {}
    missing = []
    try:
        running["sdb"] = prepared.start(cores=[_SERVER])
        for peer in PEERS:
            if peer.is_installed(given.peers_python):
                running[peer.name] = start_peer(peer, given.peers_python, network=SMALL, folder=folder, cores=[_SERVER])
            else:
                missing.append(peer.name)
        os.sched_setaffinity(0, {_CLIENT})
        _warm_up(running)
        tasks = [*_ceilings(files), *_asked(prepared, running, quick=given.quick)]
        for served in running.values():
            served.pause()
        return _in_rounds(tasks, running, given), missing
    finally:
        for served in running.values():
            served.stop()


def _in_rounds(tasks: list[Task], running: dict[str, Served], given: argparse.Namespace) -> list[Row]:
    """Each task in turn, while all servers but its own stand still."""
    rows = []
    with Progress(disable=not sys.stderr.isatty()) as progress:
        shown = progress.add_task("warming up", total=(given.rounds + 1) * len(tasks))
        for turn in range(given.rounds + 1):
            for task in tasks:
                progress.update(shown, advance=1, description=f"{task.contender} {task.workload}")
                served = running.get(task.contender)
                if served is not None:
                    served.resume()
                row = task.run(0.5 if turn == 0 else given.seconds)
                if served is not None:
                    served.pause()
                if turn > 0:  # the first round warms up
                    rows.append({"contender": task.contender, "workload": task.workload, "round": turn, **row})
    return rows


def _warm_up(running: dict[str, Served]) -> None:
    singles = [as_png(one) for one in pictures(64)]
    for peer in PEERS:
        if peer.name in running:
            asked_row(running[peer.name], peer.request(singles), seconds=peer.warm_up, connections=64, name=peer.name)


def _ceilings(files: dict[str, Path]) -> list[Task]:
    def task(engine: str, workload: str, network: str, batch: int, *, is_alone: bool = False) -> Task:
        def run(seconds: float) -> Row:
            path, share = files[network], max(_LEAST_SECONDS, seconds / 2)
            return ceiling.measured(engine, network, path, batch, seconds=share, core=_SERVER, is_alone=is_alone)

        return Task(engine, workload, run)

    return [
        *(task("onnxruntime", "ceiling", SMALL, batch) for batch in (8, 16, 32, 64)),
        *(task("onnxruntime", "ceiling_alone", SMALL, batch, is_alone=True) for batch in (16, 32)),
        task("onnxruntime", "ceiling_one", SMALL, 1),
        *(task("onnxruntime", "ceiling_resnet18", RESNET, batch) for batch in (8, 16, 32)),
        task("torch", "ceiling", SMALL, 32),
        task("torch", "ceiling_resnet18", RESNET, 16),
    ]


def _asked(prepared: Prepared, running: dict[str, Served], *, quick: bool) -> list[Task]:
    singles = [as_png(one) for one in pictures(64)]
    batches = [as_npy(pictures(256, seed=seed)) for seed in range(4)]
    small, resnet = prepared.box_ids
    npy = (("Accept", _NPY),)
    signed = (*npy, ("Authorization", f"Bearer {prepared.token}"))
    single = Request(f"/v1/boxes/{small}/predict", singles, "image/png")
    ours = [
        ("png_c1", single, 1, 1),
        ("png_c8", single, 8, 1),
        ("png_c64", single, 64, 1),
        ("npy256", Request(f"/v1/boxes/{small}/predict?return=logits", batches, _NPY, npy), 4, 256),
        ("distill256", Request(f"/v1/boxes/{small}/distill", batches, _NPY, signed), 4, 256),
        ("resnet18_c64", Request(f"/v1/boxes/{resnet}/predict", singles, "image/png"), 64, 1),
    ]
    tasks = [_task("sdb", running["sdb"], *one) for one in ours]
    for peer in PEERS:
        if peer.name in running:
            counts = (64,) if quick else (1, 8, 64)
            request = peer.request(singles)
            tasks += [_task(peer.name, running[peer.name], f"png_c{count}", request, count, 1) for count in counts]
    return tasks


def _task(contender: str, served: Served, workload: str, request: Request, connections: int, images: int) -> Task:
    def run(seconds: float) -> Row:
        name = f"{contender} {workload}"
        return asked_row(served, request, seconds=seconds, connections=connections, images=images, name=name)

    return Task(contender, workload, run)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: within 5 minutes")
    parser.add_argument("--rounds", type=int, help="rounds; 2 with --quick, else 5")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement; 1.5 with --quick, else 4")
    parser.add_argument("--json", type=Path, help="keep every row and the ratios here")
    parser.add_argument("--peers-python", default=sys.executable, help="the interpreter beside which the peers lie")
    given = parser.parse_args(arguments)
    given.rounds = given.rounds or (2 if given.quick else 5)
    given.seconds = given.seconds or (1.5 if given.quick else 4.0)
    return given


if __name__ == "__main__":
    main()
