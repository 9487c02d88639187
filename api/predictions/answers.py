"""From logits to the bytes of an answer: a whole batch at a time, since numpy's price is by the call."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from api.bodies.arrays import RAW
from api.bodies.npy import NPY, write_npy
from api.predictions.asked import Shown
from api.predictions.known import KnownBox
from sdb_service.errors import Forbidden

Logits = npt.NDArray[np.float32]  # [N, K]

JSON = "application/json"
TENSORS = "application/x-sdb-tensors"  # within this process alone: no `Accept` gets it
_HALF = "; dtype=float16"
_LARGEST_HALF = 65504.0


def probabilities(logits: Logits, temperature: float) -> npt.NDArray[np.float32]:
    """Softmax of logits [N, K] at a temperature."""
    scaled = logits / np.float32(temperature)
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def require_array(box: KnownBox, shown: Shown) -> None:
    """Refuse an array of probabilities where fewer than all classes are shown.

    Raises:
        Forbidden: an array shows every class, and the box's owner publishes fewer.
    """
    if "logits" not in shown.outputs and "probs" in shown.outputs and not shown.every_class:
        raise Forbidden(
            "output_not_published",
            f"The box shows the {box.top_k} likeliest classes and an array would show all; "
            f"ask for labels, or /v1/boxes/{box.id}/predict for JSON.",
        )


def as_arrays(logits: Logits, shown: Shown, media_type: str, *, counts: Sequence[int]) -> list[bytes]:
    """One array for each request: logits [N, K] where asked for, else probabilities [N, K], else labels [N].

    In float16 numbers beyond its range become its largest.
    """
    name = next((name for name in ("logits", "probs") if name in shown.outputs), "labels")
    array = _tensor(name, logits, shown.temperature)
    if media_type.endswith(_HALF) and array.dtype == np.float32:
        array = array.clip(-_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
    write = write_npy if media_type.startswith(NPY) else _bare
    ends = list(accumulate(counts))
    return [write(array[end - count : end]) for end, count in zip(ends, counts, strict=True)]


def as_tensors(logits: Logits, shown: Shown, *, counts: Sequence[int]) -> list[bytes]:
    """For each request the bare bytes of all it is shown, one after the other, as `tensors_of` takes them apart."""
    arrays = [_tensor(name, logits, shown.temperature) for name in shown.outputs]
    ends = list(accumulate(counts))
    return [
        b"".join(array[end - count : end].tobytes() for array in arrays)
        for end, count in zip(ends, counts, strict=True)
    ]


def tensors_of(body: bytes, box: KnownBox, shown: Shown, *, count: int) -> dict[str, npt.NDArray[Any]]:
    """What `as_tensors` wrote for `count` images: labels int64 [N], probs and logits float32 [N, K], by name."""
    found: dict[str, npt.NDArray[Any]] = {}
    start = 0
    for name in shown.outputs:
        is_label = name == "labels"
        shape = (count,) if is_label else (count, box.num_classes)
        array = np.frombuffer(body, np.int64 if is_label else np.float32, math.prod(shape), start).reshape(shape)
        found[name] = array
        start += array.nbytes
    return found


def _tensor(name: str, logits: Logits, temperature: float) -> npt.NDArray[Any]:
    if name == "labels":
        labels: npt.NDArray[np.int64] = logits.argmax(axis=1).astype(np.int64)
        return labels
    return logits if name == "logits" else probabilities(logits, temperature)


def _bare(array: npt.NDArray[Any]) -> bytes:
    return array.tobytes()


def as_json(box: KnownBox, logits: Logits, shown: Shown, *, counts: Sequence[int]) -> list[bytes]:
    """Answers as JSON for requests of `counts` images each, whose logits lie one after the other."""
    rows = _rows(box, logits, shown)
    labels = [row["label"] for row in rows]
    answers, start = [], 0
    for count in counts:
        end = start + count
        content = {"box_id": box.id, "labels": labels[start:end], "predictions": rows[start:end]}
        answers.append(orjson.dumps(content))
        start = end
    return answers


def _rows(box: KnownBox, logits: Logits, shown: Shown) -> list[dict[str, Any]]:
    names = box.class_names or (None,) * box.num_classes
    labels = logits.argmax(axis=1).tolist()
    values = logits.tolist() if "logits" in shown.outputs else [None] * len(labels)
    if "probs" not in shown.outputs:
        return [
            {"label": label, "class_name": names[label], "probs": None, "logits": value}
            for label, value in zip(labels, values, strict=True)
        ]
    probs = probabilities(logits, shown.temperature)
    order = np.argsort(-probs, axis=1, kind="stable")[:, : shown.top_k]
    likeliest = probs[np.arange(len(order))[:, np.newaxis], order].tolist()
    return [
        {
            "label": label,
            "class_name": names[label],
            "probs": [
                {"label": k, "class_name": names[k], "prob": prob} for k, prob in zip(classes, shares, strict=True)
            ],
            "logits": value,
        }
        for label, classes, shares, value in zip(labels, order.tolist(), likeliest, values, strict=True)
    ]


@lru_cache(256)
def answered_type(accept: str) -> str:
    """What is answered to an `Accept` header: npy or bare bytes where they are named, in float16 if it says so."""
    for kind in (NPY, RAW):
        for part in accept.lower().split(","):
            name, *options = (word.strip() for word in part.split(";"))
            if name == kind:
                is_half = any(option.replace(" ", "") == "dtype=float16" for option in options)
                return kind + _HALF if is_half else kind
    return JSON
