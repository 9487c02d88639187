"""From a `.pt2` file to a `Program`: checked, opened, made trainable, rehearsed.

Trust: `read_program` hands the file to `torch.export.load`, which can RUN CODE of whoever made it. The ways that are
known are refused before (`sdb_core.program_archive`), but torch makes no promise. So call it on strangers' files only
inside a sandbox that holds nothing worth taking. What that process says afterwards about the program (that it is a
classifier, how well it did, its report) is as honest as the program's maker.
"""

import copy
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.export import ExportedProgram

from sdb_core.checkpoint_checks import check_size
from sdb_core.checkpoints import MOST_BYTES, require_plain
from sdb_core.errors import ArchitectureRefused, CheckpointUnreadable, CoreError
from sdb_core.files import sha256_of
from sdb_core.nets.program.filling import Filling, fill, fillings
from sdb_core.nets.program.graph import state_names, trainable
from sdb_core.nets.program.net import ProgramNet
from sdb_core.nets.program.rehearsal import rehearse
from sdb_core.nets.program.signature import check_signature
from sdb_core.program_archive import EXPORT_AGAIN, check_archive, read_examples


@dataclass(frozen=True, eq=False)
class Program:
    """A network that came as a file, for one number of classes and one shape of inputs; `repr` shows no weights."""

    num_classes: int
    shape: tuple[int, int, int]
    sha256: str
    template: ProgramNet = field(repr=False)
    fillings: Mapping[str, Filling] = field(repr=False)

    def build(self, *, num_classes: int, shape: tuple[int, int, int]) -> nn.Module:
        """A copy with random weights from torch's global generator. Raises ArchitectureRefused for other sizes."""
        if (num_classes, shape) != (self.num_classes, self.shape):
            raise ArchitectureRefused(
                f"The program answers {self.num_classes} classes for images of {self.shape}, not {num_classes} for "
                f"{shape}; export it again for these."
            )
        net = copy.deepcopy(self.template)
        fill(net, self.fillings)
        return net


def read_program(path: Path, *, num_classes: int, shape: tuple[int, int, int], limit: int = MOST_BYTES) -> Program:
    """Open a program that reads [B, *shape] and answers [B, num_classes]. MAY RUN CODE in the file: see above.

    Raises a CheckpointError for a damaged or hostile file, a WeightsError for its tensors, ArchitectureRefused for a
    network that cannot be wrapped.
    """
    if not path.is_file() or path.suffix.lower() != ".pt2":
        raise CheckpointUnreadable(f"{path.name} is no .pt2 file; {EXPORT_AGAIN}.")
    check_size(path, limit=limit)
    check_archive(path)
    require_plain(read_examples(path))
    exported = _loaded(path)
    try:
        template, by_name = _trainable(exported, num_classes=num_classes, shape=shape)
    except (CoreError, MemoryError):
        raise
    except Exception as error:
        raise CheckpointUnreadable(
            f"The program's graph does not hold together ({type(error).__name__}); {EXPORT_AGAIN}."
        ) from error
    rehearse(template, num_classes=num_classes, shape=shape)
    return Program(num_classes, shape, sha256_of(path), template, by_name)


def _trainable(
    exported: ExportedProgram, *, num_classes: int, shape: tuple[int, int, int]
) -> tuple[ProgramNet, dict[str, Filling]]:
    check_signature(exported, num_classes=num_classes, shape=shape)
    state = {**exported.state_dict, **exported.constants}
    net = ProgramNet(trainable(exported), state_names(exported), state, kept=set(exported.state_dict))
    return net, fillings(exported)


def _loaded(path: Path) -> ExportedProgram:
    logging.getLogger("torch.export").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(path)  # noqa: TID251 - the one place
    except MemoryError:
        raise
    except Exception as error:
        raise CheckpointUnreadable(
            f"PyTorch {torch.__version__} cannot open the program ({type(error).__name__}); {EXPORT_AGAIN}, "
            "on the CPU and not with a later one than this."
        ) from error
