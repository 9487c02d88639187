"""The three tasks of a child: check a model, check a dataset, wrap."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sdb_core.nets.registry import parameter_count
from worker.child.export import export
from worker.child.opening import architecture_of, open_images, open_model
from worker.child.telling import Listening, Teller
from worker.child.wrapping import wrap_job
from worker.protocol import STATE

Task = Callable[[dict[str, Any], Path, Path, bytes, Teller], dict[str, Any]]


def check_model(spec: dict[str, Any], inputs: Path, outputs: Path, _kappa: bytes, _teller: Teller) -> dict[str, Any]:
    """Open the checkpoint and prove that it exports, before any accelerator time is spent on it."""
    _use_threads(spec)
    model = spec["model"]
    architecture = architecture_of(spec, inputs)
    net = open_model(model, inputs, architecture)
    difference = export(net, architecture, outputs / "tmp" / "check.onnx")
    return {"parameters": parameter_count(net), "sha256": model["sha256"], "onnx_max_difference": difference}


def check_dataset(spec: dict[str, Any], inputs: Path, _outputs: Path, _kappa: bytes, _teller: Teller) -> dict[str, Any]:
    """Open every image and count."""
    _use_threads(spec)
    return open_images(spec["dataset"], inputs).summary()


def wrap(spec: dict[str, Any], inputs: Path, outputs: Path, kappa: bytes, teller: Teller) -> dict[str, Any]:
    """Wrap, export, evaluate."""
    _use_threads(spec)
    return wrap_job(spec, inputs, outputs, kappa, Listening(teller, outputs / STATE))


def _use_threads(spec: dict[str, Any]) -> None:
    if threads := spec["limits"]["threads"]:
        torch.set_num_threads(threads)


TASKS: dict[str, Task] = {"check_model": check_model, "check_dataset": check_dataset, "wrap": wrap}
