"""Single rows, written through the tables."""

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.ids import new_id
from sdb_service.runtime import Runtime
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.tables import Alarm, Box, Dataset, Job, JobEvent, License, Model, SealedKey, Upload

INPUT = {"channels": 1, "height": 8, "width": 8, "mean": [0.31], "std": [0.37]}


def add_model(
    session: Session, account: str, name: str, *, state: str = "ready", reason: tuple[str, str] | None = None
) -> str:
    upload = Upload(
        id=new_id("upl"),
        account_id=account,
        filename="net.safetensors",
        size=1,
        sha256="0" * 64,
        part_bytes=1,
        state="complete",
        storage_key="uploads/none",
    )
    session.add(upload)
    session.flush()
    model = Model(
        id=new_id("mdl"),
        account_id=account,
        name=name,
        upload_id=upload.id,
        architecture="sdb:cnn-mini",
        num_classes=10,
        input=INPUT,
        class_names=None,
        state=state,
        attempt=1,
        error_code=reason[0] if reason else None,
        error_detail=reason[1] if reason else None,
    )
    session.add(model)
    session.flush()
    return model.id


def add_dataset(session: Session, account: str) -> str:
    dataset = Dataset(
        id=new_id("dst"),
        account_id=account,
        name="digits",
        builtin="builtin:digits",
        state="ready",
        attempt=1,
        summary={"num_classes": 10, "shape": [1, 8, 8], "train": 1437, "test": 360},
    )
    session.add(dataset)
    session.flush()
    return dataset.id


def add_job(session: Session, account: str, model: str, dataset: str, *, state: str, **values: Any) -> str:
    job = Job(
        id=new_id("job"),
        account_id=account,
        model_id=model,
        dataset_id=dataset,
        box_id=new_id("box"),
        policy="sdb-hardened",
        config={},
        evaluate={"level": "quick", "seeds": 3},
        seed=0,
        state=state,
        resume={},
        **{"progress": {}, "attempt": 0, **values},
    )
    session.add(job)
    session.flush()
    return job.id


def add_metrics(session: Session, job_id: str, *, steps: range, stage: str = "wrap", attempt: int = 1) -> None:
    """Curves like those of a wrap: falling, each part in its own way."""
    for step in steps:
        fall = float(np.exp(-step / 40))
        parts = {
            "closed_target": 1.6 * fall + 0.2,
            "closed_ce": 0.5 * fall,
            "open_target": 1.1 * fall + 0.35 + 0.02 * np.sin(step),
            "open_ce": 0.3 * fall,
        }
        values = {"loss": sum(parts.values()), **parts}
        session.add(
            JobEvent(
                job_id=job_id,
                attempt=attempt,
                kind="metrics",
                data={
                    "stage": stage,
                    "step": step,
                    "values": {name: round(float(value), 4) for name, value in values.items()},
                },
            )
        )
    session.flush()


def add_license(session: Session, box_id: str, customer_id: str, *, mode: str, **values: Any) -> str:
    box = session.get_one(Box, box_id)
    license = License(
        id=new_id("lic"),
        account_id=box.account_id,
        box_id=box_id,
        customer_id=customer_id,
        mode=mode,
        state="active",
        **values,
    )
    session.add(license)
    session.flush()
    return license.id


def add_alarm(session: Session, box_id: str, **values: Any) -> str:
    """An alarm of somebody without a token, whose images came in pairs."""
    box = session.get_one(Box, box_id)
    numbers = {
        "queries": 2400,
        "seen": 600,
        "seen_share": 0.25,
        "distinct": 1900,
        "training_images": 1437,
        "compared": 512,
        "distilled": 0,
        "near_duplicates": 0.46,
        "normality": 0.71,
        "label_entropy": 0.93,
        "label_entropy_of_others": None,
        "nearest": {"to": [0.0625 * step for step in range(1, 25)], "images": [230, 6, *range(22)]},
    }
    columns = {"kind": "near_duplicates", "value": 0.46, "threshold": 0.2, "network": "203.0.113.0/24"} | values
    alarm = Alarm(
        id=new_id("alm"),
        account_id=box.account_id,
        box_id=box_id,
        payer=columns.get("caller_id") or "adr_0123456789abcdef0123",
        day=clock.now().date(),
        since=clock.after(-600),
        numbers=numbers,
        **columns,
    )
    session.add(alarm)
    session.flush()
    return alarm.id


def add_box(session: Session, job_id: str, runtime: Runtime) -> str:
    """The box of a finished job, with its key sealed."""
    job = session.get_one(Job, job_id)
    box = Box(
        id=job.box_id,
        account_id=job.account_id,
        job_id=job.id,
        model_id=job.model_id,
        name="digits cnn",
        policy="sdb-hardened",
        architecture="sdb:cnn-mini",
        num_classes=10,
        class_names=None,
        input=INPUT,
        lam=0.5,
        onnx_key="none",
        onnx_sha256="ab" * 32,
        onnx_bytes=1,
        onnx_max_difference=2.4e-6,
        checkpoint_key="none",
        checkpoint_sha256="cd" * 32,
        report_key=job.report_key,
        outputs=["labels", "probs"],
        top_k=5,
        published_at=None,
    )
    session.add(box)
    session.flush()
    key_id, kappa = new_id("key"), np.arange(64, dtype="<f4").reshape(1, 8, 8)
    context = key_context(account_id=job.account_id, box_id=box.id, key_id=key_id, version=1)
    sealed = seal(Secret(kappa.tobytes()), context=context, keys=runtime.keys)
    session.add(
        SealedKey(id=key_id, account_id=job.account_id, box_id=box.id, version=1, shape=[1, 8, 8], sealed=sealed)
    )
    session.flush()
    return box.id
