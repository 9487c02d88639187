"""The one reader and writer of checkpoints. Uploaded bytes are hostile: size, shape of the file, then tensors."""

import io
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - the error's name alone
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from sdb_core.checkpoint_checks import check_safetensors, check_size, check_zip
from sdb_core.errors import (
    CheckpointTooLarge,
    CheckpointUnreadable,
    CheckpointUnsafe,
    ExtraWeights,
    MissingWeights,
    NumClassesMismatch,
    WeightsDtype,
    WeightsNotFinite,
    WeightsShapeMismatch,
)
from sdb_core.files import sha256_of, write_atomically
from sdb_core.program_archive import read_weights

__all__ = [
    "load_state",
    "load_weights",
    "read_state_dict",
    "require_plain",
    "save_state",
    "save_weights",
    "sha256_of",
]

MOST_BYTES = 4 << 30
_NESTED = ("state_dict", "model", "model_state_dict", "net")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def read_state_dict(path: Path, *, limit: int = MOST_BYTES) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors`, `.pt`, `.pth`, `.tar` or `.pt2` file on the CPU, as they are stored.

    Nothing in the file is run: of a `.pt2` program the weights alone are read.
    Takes a state dict at the top or under `state_dict`/`model`; strips a `module.` that all names share.
    Raises CheckpointUnreadable, CheckpointUnsafe or CheckpointTooLarge (over `limit` bytes, or over what it carries).
    """
    if not path.is_file():
        raise CheckpointUnreadable(f"There is no checkpoint {path.name}; check the path.")
    check_size(path, limit=limit)
    if path.suffix.lower() == ".safetensors":
        found: Any = _read_safetensors(path)
    elif path.suffix.lower() in (".pt", ".pth", ".tar"):
        found = _state_dict_in(_read_zip(path))
    elif path.suffix.lower() == ".pt2":
        found = read_weights(path)
    else:
        raise CheckpointUnreadable(
            f"{path.name} is no .safetensors, .pt, .pth, .tar or .pt2 file; save it as one of these."
        )
    return _without_prefix(found)


def load_weights(path: Path, net: nn.Module, *, limit: int = MOST_BYTES) -> None:
    """Load a checkpoint into `net`, whose names, shapes and types it must match exactly; floats become float32.

    Raises what `read_state_dict` raises, and a WeightsError that names the first tensors at fault.
    """
    wanted = net.state_dict()
    found = _with_prefix_of(wanted, read_state_dict(path, limit=limit))
    _check_names(found, wanted)
    _check_shapes(found, wanted)
    net.load_state_dict({name: _converted(name, found[name], like=wanted[name]) for name in wanted})


def save_weights(net: nn.Module, path: Path) -> None:
    """Write the net's state dict as safetensors, atomically; shared tensors are written out each."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}
    write_atomically(path, to_bytes(tensors, metadata={"format": "pt"}))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state (tensors, numbers, strings, lists, dicts), atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state on the CPU. Raises a CheckpointError where it is damaged."""
    state = _read_zip(path)
    if not isinstance(state, dict):
        raise CheckpointUnreadable(f"{path.name} is no training state; delete it to start again.")
    return state


def require_plain(content: bytes) -> None:
    """Raise a CheckpointError unless these bytes of torch.save hold tensors and plain values alone."""
    _loaded(io.BytesIO(content))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    check_safetensors(path)
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointUnreadable("The safetensors file is damaged; upload it again.") from error


def _read_zip(path: Path) -> Any:
    check_zip(path)
    return _loaded(path)


def _loaded(source: Path | io.BytesIO) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)  # noqa: TID251 - the one reader
    except UnpicklingError as error:
        raise CheckpointUnsafe(
            "The checkpoint holds more than tensors; save it again with torch.save(net.state_dict(), ...)."
        ) from error
    except (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError) as error:
        raise CheckpointUnreadable("The checkpoint is damaged; upload it again.") from error


def _state_dict_in(content: Any) -> dict[str, Tensor]:
    for name in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointUnreadable("The checkpoint holds no state dict; save net.state_dict().")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointUnreadable(f"The entry {name!r} is no tensor; save net.state_dict() alone.")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise CheckpointUnreadable(f"The tensor {name} is sparse or quantised; save dense float weights.")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise CheckpointTooLarge(f"The tensor {name} claims more numbers than the file carries; save it again.")
    return dict(content)


def _without_prefix(found: dict[str, Tensor]) -> dict[str, Tensor]:
    if found and all(name.startswith("module.") for name in found):
        return {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return found


def _with_prefix_of(wanted: Mapping[str, Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names as a net has them whose own begin with "module." all: a program of a net in a wrapper."""
    if wanted and all(name.startswith("module.") for name in wanted):
        return {f"module.{name}": tensor for name, tensor in found.items()}
    return found


def _check_names(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise MissingWeights(
            f"The checkpoint lacks {len(missing)} of the network's {len(wanted)} tensors ({_some(missing)}); "
            "check that the architecture is the one that was trained."
        )
    extra = [name for name in found if name not in wanted]
    if extra:
        raise ExtraWeights(
            f"The checkpoint has {len(extra)} tensors that the network lacks ({_some(extra)}); "
            "check that the architecture is the one that was trained."
        )


def _check_shapes(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    wrong = [name for name in wanted if found[name].shape != wanted[name].shape]
    if not wrong:
        return
    first_only = all(found[name].dim() and found[name].shape[1:] == wanted[name].shape[1:] for name in wrong)
    has = {found[name].shape[0] for name in wrong} if first_only else set()
    needs = {wanted[name].shape[0] for name in wrong} if first_only else set()
    if len(has) == len(needs) == 1:
        raise NumClassesMismatch(
            f"The checkpoint answers {has.pop()} classes, the model was declared with {needs.pop()}; "
            "declare the checkpoint's number of classes."
        )
    name = wrong[0]
    raise WeightsShapeMismatch(
        f"The tensor {name} has shape {tuple(found[name].shape)}, the network needs {tuple(wanted[name].shape)}; "
        "check the architecture and the input's channels and size."
    )


def _converted(name: str, tensor: Tensor, *, like: Tensor) -> Tensor:
    allowed = _FLOATS if like.is_floating_point() else _WHOLE
    if tensor.dtype not in allowed:
        raise WeightsDtype(
            f"The tensor {name} is {tensor.dtype}, the network needs {like.dtype}; convert it and save again."
        )
    converted = tensor.to(like.dtype)
    if converted.is_floating_point() and not bool(torch.isfinite(converted).all()):
        raise WeightsNotFinite(f"The tensor {name} holds NaN or infinity; train or export the model again.")
    return converted


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
