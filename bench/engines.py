"""What runs a box fastest on one core: ONNX Runtime or OpenVINO, in float32, int8 and bfloat16.

    taskset -c 1 python -m bench.engines [--rounds 5] [--json bench/results/engines.json]

Needs the `train` extra, and `pip install openvino` in an environment of its own (the service does not use it; without
it ONNX Runtime is measured alone). The networks are those of `bench/servers/networks.py`, exported as boxes are; int8
is `worker/child/quantising.py`, the same file for both engines, calibrated on noise, as what an answer costs does not
depend on it. Each engine has one thread and asks for the least latency; OpenVINO in float32 with
INFERENCE_PRECISION_HINT f32. `openvino bfloat16` is a real choice only where `capabilities` has BF16; elsewhere it is
emulated, and shown all the same.

A round asks each contestant in turn for at least `--seconds` of the process's own processor time, which other work on
the machine touches least. `microseconds` are for one call: median, least and most over the rounds. `speed` is how many
times as fast as ONNX Runtime in float32, the median over the rounds of the ratio within a round. `difference` is the
largest of a logit from ONNX Runtime's in float32, `largest` the largest such logit.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch

from bench.servers.networks import write_onnx
from worker.child.quantising import quantise

try:
    import openvino
except ImportError:
    openvino = None

NETWORKS = ("sdb:cnn-small", "sdb:resnet18")
BATCHES = (1, 32)
REFERENCE = "onnxruntime float32"
_SHAPE = (3, 32, 32)

Batch = npt.NDArray[np.float32]
Engine = Callable[[Batch], Batch]


def main(arguments: list[str] | None = None) -> None:
    """Measure every network at every batch size, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", type=Path, default=Path("bench/results/engines.json"))
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            engines = contestants(name, Path(folder))
        for batch in BATCHES:
            rows.append({"network": name, "batch": batch, **compared(engines, batch, given.rounds, given.seconds)})
            print(json.dumps(rows[-1]), flush=True)
    found = {**machine(), "rounds": given.rounds, "seconds": given.seconds, "rows": rows}
    given.json.write_text(json.dumps(found, indent=1) + "\n")


def contestants(name: str, folder: Path) -> dict[str, Engine]:
    """The network in every engine and precision that is at hand."""
    exact, int8 = folder / "net.onnx", folder / "net.int8.onnx"
    write_onnx(name, exact)
    quantise(exact, int8, _noise(256, seed=0))
    found = {REFERENCE: _onnxruntime(exact), "onnxruntime int8": _onnxruntime(int8)}
    if openvino is not None:
        found["openvino float32"] = _openvino(exact, "f32")
        found["openvino int8"] = _openvino(int8, "f32")
        found["openvino bfloat16"] = _openvino(exact, "bf16")
    return found


def compared(engines: dict[str, Engine], batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Times, speeds and differences by engine."""
    inputs = _noise(batch, seed=1)
    wanted = engines[REFERENCE](inputs)
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            times[name].append(_timed(engine, inputs, seconds))
    return {
        "largest": float(f"{np.abs(wanted).max():.4g}"),
        "engines": {
            name: {
                "microseconds": _spread([1e6 * value for value in times[name]]),
                "speed": _spread([a / b for a, b in zip(times[REFERENCE], times[name], strict=True)]),
                "difference": float(f"{np.abs(engines[name](inputs) - wanted).max():.2g}"),
            }
            for name in engines
        },
    }


def machine() -> dict[str, Any]:
    """What it ran on, and with which versions."""
    flags = next((line for line in _cpuinfo() if line.startswith("flags")), "").split()
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
    return {
        "processor": next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), ""),
        "flags": [flag for flag in known if flag in flags],
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
        "openvino": openvino.__version__ if openvino else None,
        "capabilities": list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")) if openvino else [],
    }


def _onnxruntime(path: Path) -> Engine:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"input": batch})[0]  # type: ignore[no-any-return]


def _openvino(path: Path, precision: str) -> Engine:
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    one = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(str(path), "CPU", hints | one).create_infer_request()
    return lambda batch: request.infer({0: batch}, share_inputs=True)[0]  # type: ignore[no-any-return]


def _timed(engine: Engine, inputs: Batch, seconds: float) -> float:
    """Seconds of processor time for one call."""
    engine(inputs)
    started, calls, passed = time.process_time(), 0, 0.0
    while passed < seconds:
        engine(inputs)
        calls, passed = calls + 1, time.process_time() - started
    return passed / calls


def _noise(count: int, *, seed: int) -> Batch:
    return np.random.default_rng(seed).normal(size=(count, *_SHAPE)).astype(np.float32)


def _spread(values: list[float]) -> dict[str, float]:
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


if __name__ == "__main__":
    main()
