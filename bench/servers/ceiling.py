"""The ceiling: the bare engine in a loop on images that are decoded already. Prints one JSON line.

    python -m bench.servers.ceiling FILE.onnx --engine onnxruntime --batch 32 --seconds 2
"""

import argparse
import json
import time

import numpy as np
import onnxruntime as ort


def main(arguments: list[str] | None = None) -> None:
    """Run for so long and say how many images were answered, in what processor time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("onnx")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args(arguments)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(given.onnx, options, providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).normal(size=(given.batch, 3, 32, 32)).astype(np.float32)
    for _ in range(3):
        session.run(None, {"input": batch})
    latencies, started, cpu = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - started < given.seconds:
        began = time.perf_counter()
        session.run(None, {"input": batch})
        latencies.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "images": len(latencies) * given.batch,
                "cpu_seconds": time.process_time() - cpu,
                "seconds": time.perf_counter() - started,
                "p50_ms": 1000 * float(np.median(latencies)),
            }
        )
    )


if __name__ == "__main__":
    main()
