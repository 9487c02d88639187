"""What a box that is served in int8 answers beside its float32 export, on the test images."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch

from sdb_core.datasets.images import LabelledImages
from sdb_core.keys import Key
from sdb_core.normalise import Normalisation
from sdb_core.verdicts import summary_of
from worker.child.quantising import CALIBRATION_IMAGES, CALIBRATION_SEED, QuantisationFailed

_BATCH = 32

Logits = npt.NDArray[np.float32]  # [N, K]


def difference(float32: Path, int8: Path, images: LabelledImages, *, trained_on: int, key: Key) -> dict[str, Any]:
    """The report's `serving` (`sdb_core/report.schema.json`) for two ONNX files of one box.

    Accuracies in percent of `images`, differences in logits, sizes in bytes; `trained_on` is how many training images
    there were to calibrate on. Both streams, since a key's holder must be taught as well as before.
    Raises QuantisationFailed where the int8 file answers something that is not finite.
    """
    streams: dict[str, Key | None] = {"closed": None, "open": key}
    accuracy: dict[str, dict[str, Any]] = {"float32": {}, "int8": {}}
    found = {}
    for stream, held in streams.items():
        exact, rounded = (answers(path, images, key=key, embedded=held is not None) for path in (float32, int8))
        if not np.isfinite(rounded).all():
            raise QuantisationFailed(
                "In int8 the box answers what is not finite; start the job with precision float32."
            )
        accuracy["float32"][stream], accuracy["int8"][stream] = _right(exact, images), _right(rounded, images)
        found[stream] = _beside(exact, rounded)
    return {
        "precision": "int8",
        "calibration": {"images": min(trained_on, CALIBRATION_IMAGES), "seed": CALIBRATION_SEED},
        "accuracy": accuracy,
        "difference": found,
        "bytes": {"float32": float32.stat().st_size, "int8": int8.stat().st_size},
    }


def answers(path: Path, images: LabelledImages, *, key: Key, embedded: bool) -> Logits:
    """The logits [N, K] of an ONNX file by ONNX Runtime on the CPU: of x, or `embedded` of x~, in `key`'s space."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    normalisation, found = Normalisation(key.mean, key.std), []
    for start in range(0, len(images), _BATCH):
        x = normalisation(images.images[start : start + _BATCH].cpu())
        found.append(session.run(None, {"input": (key.embed(x) if embedded else x).numpy()})[0])
    return np.concatenate(found)


def _right(logits: Logits, images: LabelledImages) -> dict[str, Any]:
    return dict(summary_of([100.0 * float((logits.argmax(axis=1) == images.labels.cpu().numpy()).mean())]))


def _beside(exact: Logits, rounded: Logits) -> dict[str, float]:
    gap = np.abs(exact - rounded)
    same = exact.argmax(axis=1) == rounded.argmax(axis=1)
    return {
        "same_class": round(100.0 * float(same.mean()), 3),
        "mean": float(f"{gap.mean():.4g}"),
        "max": float(f"{gap.max():.4g}"),
    }
