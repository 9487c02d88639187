"""A wrap job from opened inputs to artifacts; what an earlier attempt finished is not done again."""

import copy
import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sdb_core.checkpoints import load_weights, save_weights
from sdb_core.datasets import Splits
from sdb_core.errors import KeyShapeMismatch
from sdb_core.files import write_atomically
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.observer import Observer
from sdb_core.report import make_report
from sdb_core.report_page import report_page
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.students import check_student
from sdb_core.subject import Subject
from sdb_core.training import History, Run
from sdb_core.wrapping import wrap
from worker.child.export import export
from worker.child.opening import architecture_of, device_of, open_images, open_model
from worker.child.quantising import calibration_inputs, quantise
from worker.child.serving import difference as int8_difference
from worker.protocol import ARTIFACTS, BOX_CHECKPOINT, BOX_INT8, BOX_ONNX, REPORT, REPORT_PAGE, STATE

_WRAP_STATE = "wrap.pt"
_HISTORY = "history.json"


def wrap_job(spec: dict[str, Any], inputs: Path, outputs: Path, kappa: bytes, observer: Observer) -> dict[str, Any]:
    """Wrap, export and evaluate; answer lambda and the export's largest difference.

    Raises every error of the method (`sdb_core.errors`), each with its code and cure.
    """
    settings = WrapSettings.for_policy(spec["policy"], _named(spec))
    evaluation = evaluation_settings(spec)
    architecture = architecture_of(spec, inputs)
    check_student(evaluation, architecture)
    splits = open_images(spec["dataset"], inputs)
    splits.check_fits(architecture)
    original = _original(spec, inputs, architecture, folder=outputs / "tmp")
    key = _key(kappa, architecture, spec["model"]["input"], lam=settings.lam)
    shutil.copytree(inputs / STATE, outputs / STATE, dirs_exist_ok=True)
    run = Run(
        stage="wrap",
        seed=spec["seed"],
        device=device_of(spec["limits"]["device"]),
        observer=observer,
        state_path=outputs / STATE / _WRAP_STATE,
    )
    started = time.monotonic()
    box, history = _wrapped(original, splits, key, spec["policy"], settings, architecture=architecture, run=run)
    subject = Subject(
        original=original,
        box=box,
        key=key,
        splits=splits,
        architecture=architecture,
        policy=spec["policy"],
        settings=settings,
        seed=spec["seed"],
        history=history,
        model_sha256=spec["model"]["sha256"],
        wrap_seconds=time.monotonic() - started,
        tracing=spec["tracing"],
    )
    return _finish(subject, evaluation, run=run, spec=spec, outputs=outputs)


def _original(spec: dict[str, Any], inputs: Path, architecture: Architecture, *, folder: Path) -> nn.Module:
    """The provider's net; where the box is to be served in int8, not before it is clear that this net can be.

    Raises QuantisationFailed and what `open_model` raises.
    """
    net = open_model(spec["model"], inputs, architecture)
    if spec["precision"] == "int8":
        export(copy.deepcopy(net), architecture, folder / "trial.onnx")
        quantise(folder / "trial.onnx", folder / "trial.int8.onnx", np.zeros((2, *architecture.shape), np.float32))
    return net


def _wrapped(
    original: nn.Module,
    splits: Splits,
    key: Key,
    policy: str,
    settings: WrapSettings,
    *,
    architecture: Architecture,
    run: Run,
) -> tuple[nn.Module, History]:
    """The box's net: from an earlier attempt's finished wrap, or wrapped now."""
    assert run.state_path is not None
    weights, curves = run.state_path.with_name(BOX_CHECKPOINT), run.state_path.with_name(_HISTORY)
    if weights.is_file() and curves.is_file():
        net = architecture.build()
        load_weights(weights, net)
        return net.to(run.device).eval().requires_grad_(False), json.loads(curves.read_bytes())
    result = wrap(original, splits.train, key, policy=policy, settings=settings, architecture=architecture, run=run)
    save_weights(result.net, weights)
    write_atomically(curves, json.dumps(result.history).encode())
    run.observer.checkpoint(weights)
    run.observer.checkpoint(curves)
    return result.net, result.history


def _finish(
    subject: Subject,
    evaluation: EvaluationSettings,
    *,
    run: Run,
    spec: dict[str, Any],
    outputs: Path,
) -> dict[str, Any]:
    artifacts = outputs / ARTIFACTS
    save_weights(subject.box, artifacts / BOX_CHECKPOINT)
    exported = subject.architecture.build()
    load_weights(artifacts / BOX_CHECKPOINT, exported)
    difference = export(exported, subject.architecture, artifacts / BOX_ONNX)
    served = _in_int8(subject, artifacts) if spec["precision"] == "int8" else {}
    if evaluation.level != "none":
        quiet = dataclasses.replace(run, stage="evaluate", state_path=None)
        report = make_report(subject, settings=evaluation, run=quiet, config=_named(spec), state_folder=outputs / STATE)
        report |= served
        names = {"box": spec["box_id"], "job": spec["job_id"], **spec["names"]}
        write_atomically(artifacts / REPORT, json.dumps(report).encode())
        write_atomically(artifacts / REPORT_PAGE, report_page(report, names=names).encode())
    return {"lam": subject.key.lam, "onnx_max_difference": difference}


def _in_int8(subject: Subject, artifacts: Path) -> dict[str, Any]:
    """Write the int8 file beside the export; the report's part on what that changes."""
    train, key = subject.splits.train, subject.key
    quantise(artifacts / BOX_ONNX, artifacts / BOX_INT8, calibration_inputs(train, key))
    files = (artifacts / BOX_ONNX, artifacts / BOX_INT8)
    return {"serving": int8_difference(*files, subject.splits.test, trained_on=len(train), key=key)}


def _named(spec: dict[str, Any]) -> dict[str, Any]:
    """What the provider named of the wrap's settings, over what the service sets for every job."""
    return {"checkpoint_seconds": spec["checkpoint_seconds"], **spec["config"]}


def evaluation_settings(spec: dict[str, Any]) -> EvaluationSettings:
    """What was asked for, over the preset of the wrap where one was named."""
    preset = {name: value for name, value in spec["config"].items() if name == "preset"}
    asked = {name: value for name, value in spec["evaluate"].items() if value is not None}
    taught = {**asked.pop("student_settings", {}), **({"epochs": asked.pop("epochs")} if "epochs" in asked else {})}
    return EvaluationSettings.asked({**preset, **asked, "student_settings": taught})


def _key(kappa: bytes, architecture: Architecture, shape: dict[str, Any], *, lam: float) -> Key:
    values = np.frombuffer(kappa, dtype="<f4").copy()
    if values.size != int(np.prod(architecture.shape)):
        raise KeyShapeMismatch("The sealed key has another size than the model's input; start a new job.")
    image = torch.from_numpy(values).reshape(architecture.shape)
    return Key(kappa=image, lam=lam, mean=tuple(shape["mean"]), std=tuple(shape["std"]))
