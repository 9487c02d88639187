"""Deciding about jobs."""

import json
from typing import Any

from sqlalchemy.orm import Session

from api.datasets.queries import get_dataset
from api.jobs import queries, schemas
from api.models.queries import get_model
from sdb_service import clock, lifecycle, quotas
from sdb_service.broker import ring_after_commit
from sdb_service.errors import Conflict, Invalid, NotFound
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.lifecycle import JOBS
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Dataset, Job, Model, Upload

# Of the model's file: the state of a training, with its optimiser, is three of them and its box at most as many.
_ARTIFACTS_TO_MODEL = 4
_REPORT_BYTES = 16 * 2**20


def create(session: Session, caller: Caller, wanted: schemas.NewJob, *, runtime: Runtime) -> Job:
    """Queue one wrap of a ready model with a ready dataset of the same owner. Raises `QuotaExceeded` among others."""
    reserved = _reserve(session, get_model(session, caller, wanted.model_id), runtime)
    model = get_model(session, caller, wanted.model_id)  # again: under the lock its file stays
    dataset = get_dataset(session, caller, wanted.dataset_id)
    _require_ready(model, "model")
    _require_ready(dataset, "dataset")
    _require_match(model, dataset)
    job = Job(
        id=new_id("job"),
        account_id=model.account_id,
        created_at=clock.now(),
        model_id=model.id,
        dataset_id=dataset.id,
        box_id=new_id("box"),
        policy=wanted.policy,
        config=wanted.config,
        evaluate=wanted.evaluate.model_dump(),
        precision=wanted.precision,
        seed=wanted.seed,
        state=JOBS.waiting,
        progress={},
        resume={},
        reserved_bytes=reserved,
    )
    session.add(job)
    session.flush()
    record_act(session, caller, "job.create", job.id, owner=job.account_id, detail={"policy": job.policy})
    ring_after_commit(session, runtime.celery, JOBS, job.id)
    return job


def cancel(session: Session, caller: Caller, job_id: str) -> Job:
    """Stop a job. Raises `Conflict` where it is over."""
    job = queries.get_job(session, caller, job_id)
    if not lifecycle.cancel(session, job.id):
        raise Conflict("job_over", f"The job has {job.state} already and cannot be cancelled.")
    record_act(session, caller, "job.cancel", job.id, owner=job.account_id)
    session.refresh(job)
    return job


def report_of(job: Job, *, runtime: Runtime) -> dict[str, Any]:
    """The evidence report. Raises `NotFound` where the job has none (yet)."""
    if job.report_key is None:
        why = "was asked for none (evaluate.level is none)" if job.state == "succeeded" else f"is {job.state}"
        raise NotFound("report_missing", f"The job has no report: it {why}.")
    report: dict[str, Any] = json.loads(b"".join(runtime.storage.read(job.report_key)))
    return report


def _reserve(session: Session, model: Model, runtime: Runtime) -> int:
    """Room for one more job of this model's owner; the bytes that it holds until it ends."""
    estimate = _ARTIFACTS_TO_MODEL * session.get_one(Upload, model.upload_id).size + _REPORT_BYTES
    asked = {"active_jobs": 1, "jobs_a_day": 1, "stored_bytes": estimate}
    quotas.reserve(session, model.account_id, asked, settings=runtime.settings)
    return estimate


def _require_ready(row: Model | Dataset, what: str) -> None:
    if row.state == "checking":
        raise Conflict(f"{what}_not_ready", f"The {what} is still being checked; ask again when its state is ready.")
    if row.state != "ready":
        raise Conflict(f"{what}_rejected", f"The {what} was rejected: {row.error_detail}")


def _require_match(model: Model, dataset: Dataset) -> None:
    found = dataset.summary or {}
    if found.get("num_classes") != model.num_classes:
        raise Invalid(
            "classes_mismatch",
            f"The dataset has {found.get('num_classes')} classes and the model {model.num_classes}; they must match.",
        )
    if model.class_names and model.class_names != found.get("class_names"):
        raise Invalid(
            "class_names_mismatch",
            f"The dataset numbers its classes {found.get('class_names')} and the model {model.class_names}; "
            "use the same names in the same order, or leave the model's class_names out.",
        )
    wanted = [model.input["channels"], model.input["height"], model.input["width"]]
    if found.get("shape") != wanted:
        raise Invalid(
            "image_shape_mismatch",
            f"The dataset's images are {found.get('shape')} (channels, height, width) and the model takes {wanted}; "
            "resize the images or correct the model's input.",
        )
