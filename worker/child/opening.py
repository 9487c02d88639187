"""From the spec to opened, verified inputs."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdb_core.checkpoints import load_weights
from sdb_core.datasets import Splits, open_dataset
from sdb_core.errors import CheckpointUnreadable, DatasetUnreadable, ProgramUntrusted
from sdb_core.files import sha256_of
from sdb_core.nets import PROGRAM, Architecture, read_program
from worker.protocol import DATASET_FILE, MODEL_FILE


def architecture_of(spec: dict[str, Any], inputs: Path) -> Architecture:
    """The model's network: by its name, or as the program that was uploaded.

    A program may run code of its maker when it is opened: that happens in a sandbox or not at all.
    Raises ProgramUntrusted and what `read_program` raises.
    """
    model, shape = spec["model"], spec["model"]["input"]
    sizes = (model["num_classes"], shape["channels"], shape["height"], shape["width"])
    architecture = Architecture(model["architecture"], *sizes)
    if architecture.name != PROGRAM:
        return architecture
    if not spec["limits"]["sandboxed"]:
        raise ProgramUntrusted(
            "A program may run code when it is opened, and this worker has no sandbox to open it in; install "
            "bubblewrap on the worker and allow it user namespaces, or upload the weights of a named architecture."
        )
    path = _model_file(model, inputs)
    program = read_program(path, num_classes=architecture.num_classes, shape=architecture.shape)
    return dataclasses.replace(architecture, source=program)


def open_model(model: dict[str, Any], inputs: Path, architecture: Architecture) -> nn.Module:
    """The provider's net with its weights, in eval mode. Raises the checkpoint reader's errors."""
    net = architecture.build()
    load_weights(_model_file(model, inputs), net)
    return net.eval()


def open_images(dataset: dict[str, Any], inputs: Path) -> Splits:
    """The provider's labelled images. Raises the dataset readers' errors."""
    if "builtin" in dataset:
        return open_dataset(dataset["builtin"])
    path = inputs / DATASET_FILE
    if sha256_of(path) != dataset["sha256"]:
        raise DatasetUnreadable("The stored data set has changed since it was uploaded; upload it again.")
    return open_dataset(path)


def device_of(name: str) -> torch.device:
    """`auto` is the first accelerator, or the CPU where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _model_file(model: dict[str, Any], inputs: Path) -> Path:
    """The uploaded file, unchanged, under a name with its suffix (readers choose by it), outside the inputs' folder."""
    path = inputs / MODEL_FILE
    if sha256_of(path) != model["sha256"]:
        raise CheckpointUnreadable("The stored checkpoint has changed since it was uploaded; upload it again.")
    link = Path.cwd() / "tmp" / f"model{Path(str(model['filename'])).suffix.lower()}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link
