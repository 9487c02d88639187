"""From the spec to opened, verified inputs."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdb_core.checkpoints import load_weights
from sdb_core.datasets import Splits, open_dataset
from sdb_core.errors import CheckpointUnreadable, DatasetUnreadable
from sdb_core.files import sha256_of
from sdb_core.nets import Architecture
from worker.protocol import DATASET_FILE, MODEL_FILE


def architecture_of(model: dict[str, Any]) -> Architecture:
    shape = model["input"]
    return Architecture(model["architecture"], model["num_classes"], shape["channels"], shape["height"], shape["width"])


def open_model(model: dict[str, Any], inputs: Path) -> nn.Module:
    """The provider's net with its weights, in eval mode. Raises the checkpoint reader's errors."""
    path = inputs / MODEL_FILE
    if sha256_of(path) != model["sha256"]:
        raise CheckpointUnreadable("The stored checkpoint has changed since it was uploaded; upload it again.")
    net = architecture_of(model).build()
    # The reader chooses by suffix: give the file the name it came with.
    named = _named(path, Path(str(model["filename"])).suffix)
    load_weights(named, net)
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


def _named(path: Path, suffix: str) -> Path:
    """The input under a name with its suffix, without writing into the read-only folder."""
    link = Path.cwd() / "tmp" / f"model{suffix.lower()}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link
