"""What a report is about: one box, the model it was made of, and the data they share."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from sdb_core.datasets.images import Splits
from sdb_core.keys import Key
from sdb_core.nets.registry import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import WrapSettings
from sdb_core.training import History

SOURCES = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Subject:
    """A wrapped model with everything that its evidence needs; `repr` shows no weights and no key.

    `tracing`: what a service says of the marks that it gives customers' keys (`sdb_core.tracing`); empty, no marks.
    """

    original: nn.Module = field(repr=False)
    box: nn.Module = field(repr=False)
    key: Key = field(repr=False)
    splits: Splits = field(repr=False)
    architecture: Architecture
    policy: str
    settings: WrapSettings
    seed: int
    history: History = field(default_factory=list, repr=False)
    model_sha256: str = ""
    wrap_seconds: float = 0.0
    tracing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def normalisation(self) -> Normalisation:
        """That of the key: both live in one space."""
        return Normalisation(self.key.mean, self.key.std)


def weights_digest(net: nn.Module) -> str:
    """SHA-256 (hex) over names, shapes and values of a net's state."""
    state = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        state.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()


@cache
def code_version(version: str) -> str:
    """`version` with twelve digits of the SHA-256 over this package's sources, as this process first found them."""
    state = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        state.update(path.relative_to(SOURCES).as_posix().encode() + path.read_bytes())
    return f"{version}+{state.hexdigest()[:12]}"
