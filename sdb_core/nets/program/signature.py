"""What a program must look like before a box can be made of it: one batch of images in, their logits out."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument

from sdb_core.errors import ArchitectureRefused, NumClassesMismatch, WeightsDtype, WeightsNotFinite
from sdb_core.nets.program.graph import STATE_KINDS
from sdb_core.nets.program.modes import operation

_FIXED_BATCH = (
    "The program takes batches of {} alone; export it with a dynamic batch: torch.export.export(net, (example,), "
    'dynamic_shapes=({{0: torch.export.Dim("batch")}},)) with an example of two images.'
)


def check_signature(exported: ExportedProgram, *, num_classes: int, shape: tuple[int, int, int]) -> None:
    """Raise ArchitectureRefused, NumClassesMismatch or a WeightsError unless the program fits [B, *shape] -> [B, K]."""
    _check_inputs(exported, shape)
    _check_outputs(exported, num_classes)
    _check_state(exported.state_dict)


def _check_inputs(exported: ExportedProgram, shape: tuple[int, int, int]) -> None:
    specs = exported.graph_signature.input_specs
    strange = [spec for spec in specs if spec.kind not in (*STATE_KINDS, InputKind.USER_INPUT)]
    if strange:
        raise ArchitectureRefused(
            f"The program carries a {strange[0].kind.name.lower()}, which is no tensor; "
            "export a network of tensors alone."
        )
    given = [spec.arg for spec in specs if spec.kind == InputKind.USER_INPUT]
    tensors = [arg for arg in given if isinstance(arg, TensorArgument)]
    if len(tensors) != 1 or any(_used(exported, arg.name) for arg in given if arg not in tensors):
        raise ArchitectureRefused(
            f"The program takes {len(given)} inputs; export a network that takes one batch of images alone."
        )
    sides, dtype = _value(exported, tensors[0].name)
    if len(sides) != 4 or dtype != torch.float32:
        raise ArchitectureRefused(
            f"The program takes {dtype} of {len(sides)} dimensions; export it for float32 images [B, C, H, W]."
        )
    if isinstance(sides[0], int):
        raise ArchitectureRefused(_FIXED_BATCH.format(sides[0]))
    if any(isinstance(side, int) and side != wanted for side, wanted in zip(sides[1:], shape, strict=True)):
        found = "x".join(str(side) for side in sides[1:])
        raise ArchitectureRefused(
            f"The program takes {found} images, the model says {'x'.join(map(str, shape))}; declare the program's."
        )


def _check_outputs(exported: ExportedProgram, num_classes: int) -> None:
    specs = exported.graph_signature.output_specs
    if any(spec.kind == OutputKind.USER_INPUT_MUTATION for spec in specs):
        raise ArchitectureRefused("The program writes into its input; let forward work on a copy and export again.")
    tensors = [
        spec.arg for spec in specs if spec.kind == OutputKind.USER_OUTPUT and isinstance(spec.arg, TensorArgument)
    ]
    if len(tensors) != 1:
        raise ArchitectureRefused(
            f"The program answers {len(tensors)} tensors; export a network that answers its logits alone "
            "(one with helper outputs in training: after net.eval())."
        )
    sides, dtype = _value(exported, tensors[0].name)
    if len(sides) != 2 or dtype != torch.float32 or not isinstance(sides[1], int):
        raise ArchitectureRefused(
            f"The program answers {dtype} of {len(sides)} dimensions; export one that answers float32 logits [B, K]."
        )
    if sides[1] != num_classes:
        raise NumClassesMismatch(
            f"The program answers {sides[1]} classes, the model was declared with {num_classes}; "
            "declare the program's number of classes."
        )
    if operation(_node(exported, tensors[0].name)) in ("softmax", "_softmax"):
        raise ArchitectureRefused("The program answers probabilities; export the network without its last softmax.")


def _check_state(state: Mapping[str, Tensor]) -> None:
    for name, tensor in state.items():
        if (tensor.is_floating_point() or tensor.is_complex()) and tensor.dtype != torch.float32:
            raise WeightsDtype(f"The tensor {name} is {tensor.dtype}; call net.float() and export again.")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsNotFinite(f"The tensor {name} holds NaN or infinity; train or export the model again.")


def _value(exported: ExportedProgram, name: str) -> tuple[list[Any], torch.dtype]:
    value = _node(exported, name).meta["val"]
    return list(value.shape), value.dtype


def _used(exported: ExportedProgram, name: str) -> bool:
    return any(node.name == name and node.users for node in exported.graph.nodes)


def _node(exported: ExportedProgram, name: str) -> fx.Node:
    found: fx.Node = next(node for node in exported.graph.nodes if node.name == name)
    return found
