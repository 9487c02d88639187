"""TorchServe's handler: ONNX Runtime on the batch that TorchServe has put together.

TorchServe loads this file from a model archive and calls `handle` with a list of requests.
"""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

from bench.servers.networks import MEAN, STD

_MODEL = "model.onnx"  # as the archive names it
_TOP = 5

logging.getLogger("ts.metrics.caching_metric").setLevel(logging.WARNING)  # else it writes a line for each request

_sessions: dict[str, ort.InferenceSession] = {}


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[dict[str, object]] | None:
    """An answer for each request; without requests TorchServe asks to be ready."""
    folder = context.system_properties["model_dir"]
    if folder not in _sessions:
        _sessions[folder] = _session(Path(folder) / _MODEL)
    if data is None:
        return None
    pixels = [np.asarray(Image.open(io.BytesIO(one["body"])).convert("RGB"), np.float32) for one in data]
    batch = (np.stack(pixels).transpose(0, 3, 1, 2) / 255 - MEAN) / STD
    return [_answer(row) for row in _sessions[folder].run(None, {"input": batch})[0]]


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _answer(logits: np.ndarray) -> dict[str, object]:
    odds = np.exp(logits - logits.max())
    probs = odds / odds.sum()
    top = np.argsort(-probs)[:_TOP]
    return {
        "label": int(top[0]),
        "probs": [{"label": int(k), "prob": float(probs[k])} for k in top],
    }
