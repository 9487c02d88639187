"""A key that turned up somewhere is held against every license that may have given it out."""

import hashlib

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from api.bodies.decoding import decode
from api.bodies.geometry import Batch, Geometry
from api.boxes.queries import get_own_box
from api.licenses import keys, queries, schemas
from sdb_service import tracing
from sdb_service.errors import Invalid, Malformed
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Box

KEY_FILE = "application/octet-stream"

_REASONS = {
    "trace_found": "The key carries the mark of these licenses.",
    "trace_mark_lost": "This is a key of the box, and no license's mark is left in it surely enough: it was changed "
    "much, or made of many licenses' keys.",
    "trace_unrelated": "This is not a key that was given out: it is unlike the box's. Keys computed from the box's "
    "weights look so, too, and cannot be traced.",
    "trace_input_too_small": f"Keys of fewer than {tracing.LEAST_PIXELS} numbers carry no marks: noise hides them.",
    "trace_no_licenses": "No delivered license was ever given for this box.",
}


def require_own_box(runtime: Runtime, caller: Caller, box_id: str) -> Box:
    """The caller's own box; asked before the body is read. Raises `NotFound`."""
    with runtime.database.reading() as session:
        return get_own_box(session, caller, box_id)


def trace(runtime: Runtime, caller: Caller, box: Box, body: bytes, content_type: str) -> schemas.Trace:
    """Which licenses the key in a body came from, if that can be said; the question is recorded with its answer.

    Raises:
        UnsupportedMedia, Malformed, Invalid: the body is no key or image of the box's size.
    """
    found = read_found(body, content_type, box)
    answer = _attributed(runtime, box, found)
    detail = {
        "sha256": hashlib.sha256(found.tobytes()).hexdigest(),
        "reason": answer.reason,
        "licenses": [suspect.license_id for suspect in answer.licenses],
    }
    with runtime.database.transaction() as session:
        record_act(session, caller, "box.trace", box.id, owner=box.account_id, detail=detail)
    return answer


def read_found(body: bytes, content_type: str, box: Box) -> Batch:
    """A key file, or whatever `predict` takes for one image, as float32 [C, H, W] in the box's input space.

    The file's own SHA-256 is not asked for: who leaks a key may have changed it.
    """
    if content_type.partition(";")[0].strip().lower() != KEY_FILE:
        geometry = Geometry.of(box.input)
        found: Batch = geometry.normalised(decode(body, content_type, geometry, max_images=1, resize=False))[0]
        return found
    try:
        kappa = load(body)["kappa"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise Malformed(
            "key_unreadable", "The body is no key file; send the file, or the key as npy or PNG."
        ) from error
    shape = tuple(box.input[name] for name in ("channels", "height", "width"))
    if kappa.shape != shape or kappa.dtype.kind != "f":
        raise Invalid("key_shape", f"The box's keys are floats {shape}, this is {kappa.dtype} {kappa.shape}.")
    with np.errstate(over="ignore"):
        whole = kappa.astype(np.float32)
    if not np.isfinite(whole).all():
        raise Invalid("values_not_finite", "The key holds NaN or infinite values; send finite numbers.")
    return whole


def _attributed(runtime: Runtime, box: Box, found: Batch) -> schemas.Trace:
    with runtime.database.reading() as session:
        holders = queries.holders_of_keys(session, box.id)
        kappa = keys.open_kappa(session, box, runtime=runtime)
        secret = keys.tracing_secret(session, box, runtime=runtime)
    if not tracing.is_marked(found.size):
        return _answer(box, "trace_input_too_small", [], compared=0)
    if not holders:
        return _answer(box, "trace_no_licenses", [], compared=0)
    marks = ((name, tracing.mark_of(secret, name, found.shape)) for name in holders)
    scores = tracing.scores(found, kappa, marks, licenses=len(holders))
    suspects = [
        schemas.Suspect(
            license_id=holders[score.license_id].license_id,
            customer_id=holders[score.license_id].customer_id,
            z=round(score.z, 1),
            false_accusation=score.false_accusation,
        )
        for score in scores
        if score.accused
    ]
    unnamed = "trace_mark_lost" if tracing.is_related(found, kappa) else "trace_unrelated"
    return _answer(box, "trace_found" if suspects else unnamed, suspects, compared=len(holders))


def _answer(box: Box, reason: str, suspects: list[schemas.Suspect], *, compared: int) -> schemas.Trace:
    return schemas.Trace(
        box_id=box.id,
        verdict="attributed" if suspects else "not_attributable",
        reason=reason,
        detail=_REASONS[reason],
        licenses=suspects,
        compared=compared,
        limit=tracing.LIMIT,
    )
