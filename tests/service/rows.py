"""Rows as tests need them: with everything their foreign keys ask for."""

from typing import Any

from sqlalchemy.orm import Session

from sdb_service.db import Database
from sdb_service.ids import new_id
from sdb_service.lifecycle import DATASETS, JOBS, MODELS, Claim, Kind, claim
from sdb_service.tables import Box, Dataset, Job, Model, Upload

ACCOUNT = "acc_provider"
INPUT = {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.25]}


def add_upload(session: Session) -> Upload:
    upload_id = new_id("upl")
    upload = Upload(
        id=upload_id,
        account_id=ACCOUNT,
        filename="net.safetensors",
        size=3,
        sha256="0" * 64,
        part_bytes=8,
        state="complete",
        storage_key=f"uploads/{upload_id}/content",
    )
    session.add(upload)
    session.flush()
    return upload


def add_model(session: Session, **values: Any) -> Model:
    values = {"id": new_id("mdl"), "state": MODELS.waiting, "upload_id": add_upload(session).id} | values
    model = Model(
        account_id=ACCOUNT, name="a model", architecture="sdb:cnn-mini", num_classes=10, input=INPUT, **values
    )
    session.add(model)
    session.flush()
    return model


def add_dataset(session: Session, **values: Any) -> Dataset:
    values = {"id": new_id("dst"), "state": DATASETS.waiting} | values
    dataset = Dataset(account_id=ACCOUNT, name="a data set", builtin="digits", **values)
    session.add(dataset)
    session.flush()
    return dataset


def add_job(session: Session, **values: Any) -> Job:
    values = {"id": new_id("job"), "state": JOBS.waiting, "box_id": new_id("box")} | values
    job = Job(
        account_id=ACCOUNT,
        model_id=add_model(session, state=MODELS.done).id,
        dataset_id=add_dataset(session, state=DATASETS.done).id,
        policy="sdb",
        config={},
        evaluate={},
        seed=0,
        progress={},
        resume={},
        **values,
    )
    session.add(job)
    session.flush()
    return job


_ADD = {JOBS.name: add_job, MODELS.name: add_model, DATASETS.name: add_dataset}


def add_row(database: Database, kind: Kind, **values: Any) -> str:
    """A waiting row of this kind; its id."""
    with database.transaction() as session:
        return str(_ADD[kind.name](session, **values).id)


def claimed(database: Database, kind: Kind, row_id: str, *, lease_seconds: float = 60, owner: str = "one") -> Claim:
    """Claim a row that surely waits."""
    with database.transaction() as session:
        held = claim(session, kind, row_id, owner=owner, lease_seconds=lease_seconds)
    assert held is not None
    return held


def seen(database: Database, kind: Kind, row_id: str) -> Any:
    """The row as another session sees it now."""
    with database.reading() as session:
        return session.get_one(kind.table, row_id)


def a_box(job: Job) -> Box:
    """The box that this job makes."""
    return Box(
        id=job.box_id,
        account_id=ACCOUNT,
        job_id=job.id,
        model_id=job.model_id,
        name="a box",
        policy=job.policy,
        architecture="sdb:cnn-mini",
        num_classes=10,
        input=INPUT,
        lam=0.5,
        onnx_key=f"jobs/{job.id}/1/box.onnx",
        onnx_sha256="0" * 64,
        onnx_bytes=3,
        onnx_max_difference=0.0,
        checkpoint_key=f"jobs/{job.id}/1/box.safetensors",
        checkpoint_sha256="0" * 64,
        outputs=["labels"],
        top_k=5,
    )
