"""From the child's output folder to a published job: checked as if hostile, stored, then one row update."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from sdb_service import clock, lifecycle
from sdb_service.lifecycle import Claim
from sdb_service.recording import record_act
from sdb_service.runtime import WorkerRuntime
from sdb_service.tables import Box, Dataset, Job, Model
from worker.protocol import BOX_CHECKPOINT, BOX_INT8, BOX_ONNX, REPORT, REPORT_PAGE
from worker.supervisor.pages import PageRefused, require_plain_page
from worker.supervisor.workplace import Workplace

_MOST_REPORT_BYTES = 32 * 2**20
_MOST_PAGE_BYTES = 8 * 2**20
_MOST_DIFFERENCE = 1e-2


class BadOutput(Exception):
    """The child left something that it should not have."""


def publish(runtime: WorkerRuntime, held: Claim, place: Workplace, result: dict[str, Any]) -> None:
    """Store the artifacts of this attempt and let the box appear. Raises `BadOutput` or `LostLease`."""
    with runtime.database.reading() as session:
        job = session.get_one(Job, held.id)
        model = session.get_one(Model, job.model_id)
        dataset = session.get_one(Dataset, job.dataset_id)
    most = 2 * runtime.settings.max_upload_bytes
    checkpoint = _plain_file(place.artifacts / BOX_CHECKPOINT, most=most)
    onnx = _plain_file(place.artifacts / BOX_ONNX, most=most)
    _require_runs(onnx, model)
    int8 = _plain_file(place.artifacts / BOX_INT8, most=most) if job.precision == "int8" else None
    if int8 is not None:
        _require_runs(int8, model)
    prefix = f"jobs/{held.id}/{held.attempt}/artifacts"
    box = _box(job, model, dataset, result, checkpoint=checkpoint, onnx=onnx, prefix=prefix)
    if job.evaluate.get("level") != "none" or int8 is not None:
        box.report_key = store_report(runtime, place, prefix, precision=job.precision)
    runtime.storage.put_file(box.checkpoint_key, checkpoint)
    runtime.storage.put_file(box.onnx_key, onnx)
    if int8 is not None:
        box.int8_key, box.int8_sha256 = f"{prefix}/{BOX_INT8}", _sha256(int8)
        runtime.storage.put_file(box.int8_key, int8)
    stored = sum(runtime.storage.size(key) for key in runtime.storage.keys(prefix))
    with runtime.database.transaction() as session:
        lifecycle.publish_box(session, held, box, report_key=box.report_key, stored_bytes=stored)
        detail = {"job_id": job.id, "attempt": held.attempt}
        record_act(session, None, "box.make", box.id, owner=box.account_id, detail=detail)


def _box(
    job: Job, model: Model, dataset: Dataset, result: dict[str, Any], *, checkpoint: Path, onnx: Path, prefix: str
) -> Box:
    lam, difference = _number(result, "lam"), _number(result, "onnx_max_difference")
    if not 0 < lam < 1 or not 0 <= difference <= _MOST_DIFFERENCE:
        raise BadOutput(f"lambda {lam} or the ONNX difference {difference} is out of range")
    return Box(
        id=job.box_id,
        account_id=job.account_id,
        created_at=clock.now(),
        job_id=job.id,
        model_id=model.id,
        name=model.name,
        policy=job.policy,
        architecture=model.architecture,
        num_classes=model.num_classes,
        class_names=model.class_names or (dataset.summary or {}).get("class_names"),
        input=model.input,
        lam=lam,
        onnx_key=f"{prefix}/{BOX_ONNX}",
        onnx_sha256=_sha256(onnx),
        onnx_bytes=onnx.stat().st_size,
        onnx_max_difference=difference,
        checkpoint_key=f"{prefix}/{BOX_CHECKPOINT}",
        checkpoint_sha256=_sha256(checkpoint),
        report_key=None,
        outputs=["labels", "probs"],
        top_k=5,
    )


def store_report(runtime: WorkerRuntime, place: Workplace, prefix: str, *, precision: str = "float32") -> str:
    """Store the report and its page beside it; answer the report's key.

    Raises `BadOutput`, also where the box is served in another precision than float32 and the report does not say what
    that changes.
    """
    path = _plain_file(place.artifacts / REPORT, most=_MOST_REPORT_BYTES)
    report = json.loads(path.read_bytes())
    if not isinstance(report, dict) or report.get("schema") != "sdb-report/1":
        raise BadOutput("the report is not of the form sdb-report/1")
    if precision != "float32":
        _require_difference(report, precision)
    page = _plain_file(place.artifacts / REPORT_PAGE, most=_MOST_PAGE_BYTES).read_bytes()
    try:
        require_plain_page(page)
    except PageRefused as error:
        raise BadOutput(str(error)) from error
    runtime.storage.put_bytes(f"{prefix}/{REPORT_PAGE}", page)
    key = f"{prefix}/{REPORT}"
    runtime.storage.put_bytes(key, json.dumps(report).encode())
    return key


def _require_difference(report: dict[str, Any], precision: str) -> None:
    """The report must give the accuracy in float32 and in this precision, without the key and with it."""
    for each in ("float32", precision):
        for stream in ("closed", "open"):
            found: Any = report
            for name in ("serving", "accuracy", each, stream):
                found = found.get(name) if isinstance(found, dict) else None
            if not isinstance(found, dict) or not 0 <= _number(found, "mean") <= 100:
                raise BadOutput(f"the report has no accuracy of the {stream} box in {each}")


def _require_runs(onnx: Path, model: Model) -> None:
    """The export must answer a batch of two with two finite rows of logits."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    shape = model.input
    batch = np.zeros((2, shape["channels"], shape["height"], shape["width"]), dtype=np.float32)
    answer = session.run(None, {"input": batch})[0]
    if answer.shape != (2, model.num_classes) or not np.isfinite(answer).all():
        raise BadOutput(f"the export answers {answer.shape} instead of (2, {model.num_classes}) finite logits")


def _plain_file(path: Path, *, most: int) -> Path:
    if path.is_symlink() or not path.is_file() or not 0 < path.stat().st_size <= most:
        raise BadOutput(f"{path.name} is missing, empty, too large or not a plain file")
    return path


def _number(result: dict[str, Any], name: str) -> float:
    value = result.get(name)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadOutput(f"the child's result has no number {name}")
    return float(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
