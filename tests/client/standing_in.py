"""The worker's part, played without training: checks pass or fail, and a job leaves a box with a key."""

import hashlib
import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sdb_client import Client, InputSpec, Job
from sdb_service import lifecycle
from sdb_service.ids import new_id
from sdb_service.lifecycle import DATASETS, JOBS, MODELS, Claim
from sdb_service.runtime import Runtime
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.tables import Box, JobEvent, Model, SealedKey
from sdb_service.tables import Job as JobRow

SHAPE = (1, 8, 8)
INPUT = InputSpec(channels=1, height=8, width=8, mean=(0.5,), std=(0.25,))
NUM_CLASSES = 10
LAM = 0.7


def take(runtime: Runtime, kind: lifecycle.Kind, row_id: str) -> Claim:
    with runtime.database.transaction() as session:
        claim = lifecycle.claim(session, kind, row_id, owner="stand-in", lease_seconds=60)
    assert claim is not None
    return claim


def accept(runtime: Runtime, *, model_id: str, dataset_id: str) -> None:
    """Both checks pass."""
    for kind, row_id in ((MODELS, model_id), (DATASETS, dataset_id)):
        claim = take(runtime, kind, row_id)
        with runtime.database.transaction() as session:
            lifecycle.succeed(session, claim, summary={"num_classes": NUM_CLASSES, "shape": list(SHAPE)})


def reject(runtime: Runtime, kind: lifecycle.Kind, row_id: str, *, code: str, detail: str) -> None:
    claim = take(runtime, kind, row_id)
    with runtime.database.transaction() as session:
        lifecycle.fail(session, claim, code=code, detail=detail)


def tell(runtime: Runtime, claim: Claim, kind: str, data: dict[str, Any]) -> None:
    """One more line of the job's story."""
    with runtime.database.transaction() as session:
        session.add(JobEvent(job_id=claim.id, attempt=claim.attempt, kind=kind, data=data))


def finish(runtime: Runtime, claim: Claim, *, report: dict[str, Any] | None = None) -> None:
    """The job succeeds and leaves its box."""
    checkpoint, network = b"the weights of the box" * 5000, tiny_network()
    kappa = kappa_of_tests()
    with runtime.database.transaction() as session:
        job = session.get_one(JobRow, claim.id)
        model = session.get_one(Model, job.model_id)
        prefix = f"jobs/{job.id}/{claim.attempt}"
        for name, content in (("box.safetensors", checkpoint), ("box.onnx", network)):
            runtime.storage.put_bytes(f"{prefix}/{name}", content)
        report_key = None
        if report is not None:
            report_key = f"{prefix}/report.json"
            runtime.storage.put_bytes(report_key, json.dumps(report).encode())
        box = _box(job, model, prefix, checkpoint=checkpoint, network=network)
        lifecycle.publish_box(session, claim, box, report_key=report_key)
        key_id = new_id("key")
        context = key_context(account_id=job.account_id, box_id=job.box_id, key_id=key_id, version=1)
        sealed = seal(Secret(kappa.tobytes()), context=context, keys=runtime.keys)
        session.add(
            SealedKey(
                id=key_id,
                account_id=job.account_id,
                box_id=job.box_id,
                version=1,
                shape=list(SHAPE),
                sealed=sealed,
            )
        )


def kappa_of_tests() -> np.ndarray:
    return np.random.default_rng(7).normal(size=SHAPE).astype("<f4")


def tiny_network() -> bytes:
    """Logits [N, 10] that name the class whose pixel in the first row is the largest of the first ten."""
    weight = np.zeros((64, NUM_CLASSES), np.float32)
    weight[np.arange(NUM_CLASSES), np.arange(NUM_CLASSES)] = 4.0
    nodes = [helper.make_node("Flatten", ["input"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", NUM_CLASSES])],
        [numpy_helper.from_array(weight, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content: bytes = made.SerializeToString()
    onnx.checker.check_model(made)
    return content


def queued_job(provider: Client, runtime: Runtime, checkpoint: Any) -> Job:
    """A model and a data set of the provider, checked and ready, and a job that waits."""
    upload = provider.uploads.send(checkpoint)
    model = provider.models.create(
        name="net", upload_id=upload.id, architecture="sdb:cnn-mini", num_classes=NUM_CLASSES, input=INPUT
    )
    dataset = provider.datasets.create(name="digits", builtin="builtin:digits")
    accept(runtime, model_id=model.id, dataset_id=dataset.id)
    return provider.jobs.create(model.id, dataset.id)


def _box(job: JobRow, model: Model, prefix: str, *, checkpoint: bytes, network: bytes) -> Box:
    return Box(
        id=job.box_id,
        account_id=job.account_id,
        job_id=job.id,
        model_id=model.id,
        name=model.name,
        policy=job.policy,
        architecture=model.architecture,
        num_classes=model.num_classes,
        class_names=model.class_names,
        input=model.input,
        lam=LAM,
        onnx_key=f"{prefix}/box.onnx",
        onnx_sha256=hashlib.sha256(network).hexdigest(),
        onnx_bytes=len(network),
        onnx_max_difference=0.0,
        checkpoint_key=f"{prefix}/box.safetensors",
        checkpoint_sha256=hashlib.sha256(checkpoint).hexdigest(),
        report_key=None,
        outputs=["labels", "probs"],
        top_k=5,
        published_at=None,
    )


__all__ = ["DATASETS", "JOBS", "MODELS"]
