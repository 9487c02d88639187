"""The ceiling: a bare engine in a loop on images that are decoded already, in a process of its own on one core."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.load import polling_while

Batch = npt.NDArray[np.float32]


def measured(
    engine: str, network: str, onnx: Path, batch: int, *, seconds: float, core: int, is_alone: bool = False
) -> dict[str, Any]:
    """One batch size, for so many seconds.

    This process polls meanwhile, as beside every server; `is_alone` lets it sleep.
    """
    command = [sys.executable, "-m", "bench.servers.ceiling", "--engine", engine, "--network", network]
    options = ["--onnx", str(onnx), "--seconds", str(seconds), "--core", str(core)]
    line = [*command, *options, "--batch", str(batch)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]) as running:
        if not is_alone:
            polling_while(running)
        told, _ = running.communicate()
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, line)
    row: dict[str, Any] = json.loads(told)
    return row


def main(arguments: list[str] | None = None) -> None:
    """Run and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=["onnxruntime", "torch"], default="onnxruntime")
    parser.add_argument("--network", required=True)
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args(arguments)
    os.sched_setaffinity(0, {given.core})
    run = _onnxruntime(given.onnx) if given.engine == "onnxruntime" else _torch(given.network)
    print(json.dumps(_row(run, given.batch, given.seconds)))


def _row(run: Callable[[Batch], object], size: int, seconds: float) -> dict[str, Any]:
    batch = np.random.default_rng(0).normal(size=(size, 3, 32, 32)).astype(np.float32)
    run(batch)
    latencies: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    while not latencies or time.perf_counter() - started < seconds:
        began = time.perf_counter()
        run(batch)
        latencies.append(time.perf_counter() - began)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    images = size * len(latencies)
    return {
        "batch": size,
        "images_per_cpu_second": round(images / cpu, 1),
        "images_per_second": round(images / wall, 1),
        "p50_ms": round(1000 * float(np.median(latencies)), 3),
        "p99_ms": round(1000 * float(np.quantile(latencies, 0.99)), 3),
    }


def _onnxruntime(path: Path) -> Callable[[Batch], object]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"input": batch})


def _torch(name: str) -> Callable[[Batch], object]:
    import torch

    from bench.servers.networks import network

    torch.set_num_threads(1)
    net = network(name).eval()

    def run(batch: Batch) -> object:
        with torch.inference_mode():
            return net(torch.from_numpy(batch))

    return run


if __name__ == "__main__":
    main()
