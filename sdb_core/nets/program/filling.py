"""Random weights for a program: what each tensor is for is read off the graph, and filled as PyTorch's layers do.

Convolutions and linear layers: uniform within 1 / sqrt(fan in), weights (Kaiming) and biases alike, PyTorch's default.
Norms: weight 1, bias 0, running mean 0, running variance 1. What is multiplied in (a layer scale) is 1, what is added
or placed beside (a position or class token, an index table) is normal with deviation 0.02, a vector added is 0.
Anything else of two or more dimensions is taken for a weight. Other buffers (masks, indices, frozen norms) are the
network's structure and stay.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from sdb_core.nets.program.modes import bound, is_batch_norm, operation

_LAYERS = ("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "linear")
_PRODUCTS = {"mm": "mat2", "matmul": "other", "bmm": "mat2", "addmm": "mat2"}  # with the name of the second factor
_NORMS = ("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "rms_norm", "instance_norm")
# What leaves the numbers as they are: a weight is still that weight behind it.
_SHAPING = (
    *("permute", "transpose", "t", "numpy_T", "view", "reshape", "_unsafe_view", "expand", "unsqueeze", "squeeze"),
    *("slice", "select", "to", "_to_copy", "clone", "contiguous", "detach", "alias", "lift_fresh_copy", "flatten"),
)
_SCALED = ("mul", "mul_", "div", "div_")
_ADDED = ("add", "add_", "sub", "sub_")
_PLACED = ("cat", "index", "embedding")


@dataclass(frozen=True)
class Filling:
    """How one tensor is filled: uniform in [-value, value], normal with deviation `value`, or `value` throughout."""

    how: Literal["uniform", "normal", "constant"]
    value: float

    def into(self, tensor: Tensor) -> None:
        """Fill in place, from torch's global generator."""
        with torch.no_grad():
            if self.how == "uniform":
                tensor.uniform_(-self.value, self.value)
            elif self.how == "normal":
                tensor.normal_(0.0, self.value)
            else:
                tensor.fill_(self.value)


_ZERO, _ONE, _SMALL = Filling("constant", 0.0), Filling("constant", 1.0), Filling("normal", 0.02)
_RUNNING = {"running_mean": _ZERO, "running_var": _ONE}


def fillings(exported: ExportedProgram) -> dict[str, Filling]:
    """How to fill each parameter, and each buffer that a batch norm writes; other buffers are not named."""
    captured = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    inputs = {str(spec.target): captured[spec.arg.name] for spec in exported.graph_signature.input_specs if spec.target}
    found: dict[str, Filling] = {}
    for name, tensor in exported.state_dict.items():
        uses = list(_uses(inputs[name])) if name in inputs else []
        if name.endswith("num_batches_tracked"):
            found[name] = _ZERO
        elif isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
            known = (_known(node, argument, tensor) for node, argument in uses)
            found[name] = next((one for one in known if one is not None), _by_shape(tensor))
        else:
            found.update((name, _RUNNING[argument]) for _, argument in uses if argument in _RUNNING)
    return found


def fill(net: nn.Module, by_name: Mapping[str, Filling]) -> None:
    """Give `net` new weights, in the order of its state."""
    for name, tensor in net.state_dict().items():
        if name in by_name:
            by_name[name].into(tensor)


def _uses(tensor: fx.Node) -> Iterator[tuple[fx.Node, str]]:
    """Every operation that reads a tensor, itself or reshaped, with the name of the argument it reads it as."""
    for node in tensor.users:
        if operation(node) in _SHAPING:
            yield from _uses(node)
        elif operation(node):
            for argument, value in bound(node).items():
                if value is tensor or (isinstance(value, list | tuple) and tensor in value):
                    yield node, argument


def _known(node: fx.Node, argument: str, tensor: Tensor) -> Filling | None:
    """How a parameter is filled that `node` reads as `argument`; None where that does not say."""
    name = operation(node)
    if is_batch_norm(node) or name in _NORMS:
        return {"weight": _ONE, "bias": _ZERO}.get(argument)
    if name in _LAYERS and argument in ("weight", "bias"):
        return _layer(fan_in=math.prod(_shape(bound(node)["weight"])[1:]))
    if name in _PRODUCTS and (argument == _PRODUCTS[name] or name == "addmm"):
        return _layer(fan_in=_shape(bound(node)[_PRODUCTS[name]])[-2])
    if "prelu" in name:
        return Filling("constant", 0.25)
    return _by_use(name, vector=sum(side > 1 for side in tensor.shape) <= 1)


def _by_use(name: str, *, vector: bool) -> Filling | None:
    """How a parameter is filled that belongs to no layer."""
    if name in _SCALED and vector:
        return _ONE
    if name in _PLACED or (name in _ADDED and not vector):
        return _SMALL
    return _ZERO if name in _ADDED else None


def _by_shape(tensor: Tensor) -> Filling:
    return _ZERO if tensor.dim() < 2 else _layer(fan_in=math.prod(tensor.shape[1:]))


def _layer(*, fan_in: int) -> Filling:
    """Kaiming's uniform bound with PyTorch's slope of sqrt(5): 1 / sqrt(fan in)."""
    return Filling("uniform", 1 / math.sqrt(max(fan_in, 1)))


def _shape(node: Any) -> list[int]:
    return [int(side) for side in node.meta["val"].shape]
