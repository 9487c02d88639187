"""Compiled objectives: one graph instead of many small kernels."""

import importlib.util
import shutil

import torch

from sdb_core.errors import InvalidSettings
from sdb_core.training.run import Objective


def compiled(objective: Objective, device: torch.device) -> Objective:
    """The objective with its nets and losses compiled by `torch.compile` at the first batch.

    Raises InvalidSettings where the machine has no C++ compiler, or no Triton for a GPU.
    """
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        raise InvalidSettings("compile needs a C++ compiler, and this machine has none; install g++, or leave it out.")
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise InvalidSettings("compile needs Triton on a GPU; install triton, or leave it out.")
    return torch.compile(objective, dynamic=False)
