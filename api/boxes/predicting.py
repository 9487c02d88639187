"""Predictions: decode, run, and show no more than the box's owner allows."""

import io

import numpy as np
import numpy.typing as npt

from api.boxes import queries, schemas
from api.boxes.decoding import decode
from api.boxes.sessions import Logits, Sessions
from sdb_service.errors import Forbidden, Invalid
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime
from sdb_service.tables import Box

_KNOWN = ("labels", "probs", "logits")


def find_box(runtime: Runtime, caller: Caller | None, box_id: str) -> Box:
    """The box, before any body is read. Raises `NotFound`."""
    with runtime.database.reading() as session:
        return queries.get_usable_box(session, caller, box_id)


def wanted_outputs(box: Box, caller: Caller | None, text: str | None) -> list[str]:
    """The outputs asked for, if the caller may have them; the owner may have all.

    Raises:
        Invalid: no such output. Forbidden: not for this caller.
    """
    allowed = list(_KNOWN) if queries.is_owner(caller, box) else box.outputs
    if text is None:
        return [name for name in ("labels", "probs") if name in allowed] or allowed
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in _KNOWN]:
        raise Invalid("output_unknown", f"There is no output {unknown[0]!r}; choose from {', '.join(_KNOWN)}.")
    if refused := [name for name in wanted if name not in allowed]:
        raise Forbidden(
            "output_not_published", f"The box's owner does not publish {refused[0]}; ask for {', '.join(allowed)}."
        )
    return wanted


def logits_of(
    box: Box, body: bytes, content_type: str, *, sessions: Sessions, runtime: Runtime, resize: bool
) -> Logits:
    """Decode the body and run the box on it: [N, K]."""
    batch = decode(body, content_type, box.input, max_images=runtime.settings.max_predict_images, resize=resize)
    return sessions.logits(box, batch)


def probabilities(logits: Logits, temperature: float) -> npt.NDArray[np.float32]:
    """Softmax of logits [N, K] at a temperature."""
    scaled = logits / np.float32(temperature)
    scaled -= scaled.max(axis=1, keepdims=True)
    exponents = np.exp(scaled)
    result: npt.NDArray[np.float32] = exponents / exponents.sum(axis=1, keepdims=True)
    return result


def as_json(box: Box, logits: Logits, *, outputs: list[str], temperature: float, top_k: int) -> schemas.Predictions:
    """The answer as JSON: labels always, the rest as asked for."""
    labels = [int(label) for label in logits.argmax(axis=1)]
    shown = probabilities(logits, temperature) if "probs" in outputs else None
    predictions = []
    for row, label in enumerate(labels):
        predictions.append(
            schemas.Prediction(
                label=label,
                class_name=_name(box, label),
                probs=_top(box, shown[row], top_k) if shown is not None else None,
                logits=logits[row].tolist() if "logits" in outputs else None,
            )
        )
    return schemas.Predictions(box_id=box.id, labels=labels, predictions=predictions)


def as_npy(logits: Logits, *, outputs: list[str], temperature: float, num_shown: int) -> bytes:
    """One array as npy: logits [N, K] where asked for, else probabilities [N, K], else labels [N].

    Raises:
        Forbidden: an array shows every class, and the box's owner publishes fewer.
    """
    if "logits" in outputs:
        array: npt.NDArray[np.generic] = logits
    elif "probs" in outputs:
        if num_shown < logits.shape[1]:
            raise Forbidden(
                "output_not_published",
                f"The box shows the {num_shown} likeliest classes and an array would show all; ask for JSON or labels.",
            )
        array = probabilities(logits, temperature)
    else:
        array = logits.argmax(axis=1).astype(np.int64)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _top(box: Box, probs: npt.NDArray[np.float32], top_k: int) -> list[schemas.ClassProb]:
    order = np.argsort(-probs, kind="stable")[:top_k]
    return [schemas.ClassProb(label=int(k), class_name=_name(box, int(k)), prob=float(probs[k])) for k in order]


def _name(box: Box, label: int) -> str | None:
    return str(box.class_names[label]) if box.class_names else None
