"""This service: the embedded profile in a temporary folder, with boxes, a customer and a license."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

import migrations
from bench.servers.process import Served, free_port, python_module, start
from sdb_service import clock, identity
from sdb_service.ids import new_id
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.tables import Box, Dataset, Job, License, Model, SealedKey, Upload

INPUT = {"channels": 3, "height": 32, "width": 32, "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26]}
LAMBDA = 0.7
KAPPA = np.random.default_rng(0).normal(size=(3, 32, 32)).astype("<f4")
_UNLIMITED = "1000000000"


@dataclass(frozen=True)
class Prepared:
    """A data folder with boxes in it."""

    folder: Path
    box_ids: list[str]
    token: str  # of a customer with a hosted license for each box

    def start(self, *, cores: list[int], processes: int = 1, **settings: str) -> Served:
        port = free_port()
        env = {
            **_environment(self.folder),
            "SDB_PUBLIC_IMAGES_PER_MINUTE": _UNLIMITED,
            "SDB_IMAGES_PER_MINUTE": _UNLIMITED,
            **settings,
        }
        command = python_module("api", "--port", str(port), "--processes", str(processes))
        return start(command, port=port, log=self.folder / "api.log", cores=cores, env=env)


def prepare(folder: Path, networks: Iterable[tuple[bytes, str]], *, classes: int = 10) -> Prepared:
    """Boxes of these ONNX files and their SHA-256, published, with all they answer shown."""
    folder.mkdir(parents=True, exist_ok=True)
    env = _environment(folder)
    settings = Settings(**{name.removeprefix("SDB_").lower(): value for name, value in env.items()})  # type: ignore[arg-type]
    migrations.upgrade(settings)
    runtime = open_runtime(settings)
    with runtime.database.transaction() as session:
        provider = identity.create_account(session, "provider", role="provider")
        customer = identity.create_account(session, "customer", role="customer")
        _, token = identity.issue_token(session, customer.id, name="bench", key=runtime.token_key)
        box_ids = []
        for content, digest in networks:
            box = _box(session, provider.id, content, digest, classes=classes)
            session.flush()
            session.add(_sealed_key(box, runtime))
            session.add(_license(box, customer.id))
            runtime.storage.put_bytes(box.onnx_key, content)
            box_ids.append(box.id)
    runtime.database.close()
    return Prepared(folder, box_ids, token.reveal().decode())


def _environment(folder: Path) -> dict[str, str]:
    return {
        "SDB_DATA_DIR": str(folder / "data"),
        "SDB_KEK_FILE": str(folder / "keys" / "kek"),
        "SDB_TOKEN_KEY_FILE": str(folder / "keys" / "token-key"),
    }


def _box(session: Session, owner: str, content: bytes, digest: str, *, classes: int) -> Box:
    job = _job(session, owner, classes=classes)
    box = Box(
        id=job.box_id,
        account_id=owner,
        job_id=job.id,
        model_id=job.model_id,
        name="a box",
        policy="sdb",
        architecture="sdb:cnn",
        lam=LAMBDA,
        num_classes=classes,
        class_names=None,
        input=INPUT,
        onnx_key=f"boxes/{job.box_id}.onnx",
        onnx_sha256=digest,
        onnx_bytes=len(content),
        onnx_max_difference=0.0,
        checkpoint_key="none",
        checkpoint_sha256="0" * 64,
        outputs=["labels", "probs", "logits"],
        top_k=5,
        published_at=clock.now(),
    )
    session.add(box)
    return box


def _job(session: Session, owner: str, *, classes: int) -> Job:
    """A finished job, and what it rests on: rows alone, since nothing but the box is served."""
    whole: dict[str, Any] = {"size": 1, "sha256": "0" * 64, "part_bytes": 8, "state": "complete", "storage_key": "none"}
    upload = Upload(id=new_id("upl"), account_id=owner, filename="net", **whole)
    ready: dict[str, Any] = {"account_id": owner, "state": "ready"}
    named: dict[str, Any] = {"name": "m", "architecture": "sdb:cnn", "num_classes": classes, "input": INPUT}
    model = Model(id=new_id("mdl"), upload_id=upload.id, **named, **ready)
    dataset = Dataset(id=new_id("dst"), name="d", builtin="builtin:digits", **ready)
    settled: dict[str, Any] = {"config": {}, "evaluate": {}, "seed": 0, "progress": {}, "resume": {}}
    made = {"box_id": new_id("box"), "policy": "sdb", "state": "succeeded", **settled}
    job = Job(id=new_id("job"), account_id=owner, model_id=model.id, dataset_id=dataset.id, **made)
    for row in (upload, model, dataset, job):
        session.add(row)
        session.flush()
    return job


def _sealed_key(box: Box, runtime: Runtime) -> SealedKey:
    key_id, kappa = new_id("key"), KAPPA.tobytes()
    context = key_context(account_id=box.account_id, box_id=box.id, key_id=key_id, version=1)
    sealed = seal(Secret(kappa), context=context, keys=runtime.keys)
    return SealedKey(id=key_id, account_id=box.account_id, box_id=box.id, version=1, shape=[3, 32, 32], sealed=sealed)


def _license(box: Box, customer: str) -> License:
    return License(
        id=new_id("lic"), account_id=box.account_id, box_id=box.id, customer_id=customer, mode="hosted", state="active"
    )
