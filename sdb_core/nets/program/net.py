"""A program as a module: state under the exporter's own names, train and eval, a copy as deep as any net's."""

from collections.abc import Mapping

from torch import Tensor, fx, nn

from sdb_core.errors import ArchitectureRefused


class ProgramNet(nn.Module):
    """Reads x [B, C, H, W], answers logits [B, K]; `function(*state, x, training)` computes them.

    `state` may hold more than the function takes (`names`, in its order); only what is in `kept` belongs to the state
    dict. Tensors that share their memory become one parameter under several names.
    """

    def __init__(
        self, function: fx.GraphModule, names: list[str], state: Mapping[str, Tensor], *, kept: set[str]
    ) -> None:
        super().__init__()
        places: dict[str, tuple[nn.Module, str]] = {}
        shared: dict[tuple[object, ...], Tensor] = {}
        for name, tensor in state.items():
            owner, leaf = _owner(self, name)
            one = shared.setdefault(_memory(tensor), _as_state(tensor))
            if isinstance(one, nn.Parameter):
                owner.register_parameter(leaf, one)
            else:
                owner.register_buffer(leaf, one, persistent=name in kept)
            places[name] = (owner, leaf)
        self._order = [places[name] for name in names]
        self._run = function

    def forward(self, x: Tensor) -> Tensor:
        state = [getattr(owner, leaf) for owner, leaf in self._order]
        logits: Tensor = self._run(*state, x, self.training)
        return logits


def _owner(net: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module in which a dotted name lies, made where it is not there, and the name's last part."""
    *parents, leaf = name.split(".")
    for parent in parents:
        if parent not in net._modules:
            _require_free(net, parent)
            net.add_module(parent, nn.Module())
        net = net.get_submodule(parent)
    _require_free(net, leaf)
    return net, leaf


def _require_free(net: nn.Module, name: str) -> None:
    if not name or hasattr(net, name) or name in ("_order", "_run"):
        raise ArchitectureRefused(
            f"The program has a part named {name!r}, which every module has; rename it in the net."
        )


def _memory(tensor: Tensor) -> tuple[object, ...]:
    """What two tensors have in common when they are one."""
    if tensor.numel() == 0:
        return (id(tensor),)
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def _as_state(tensor: Tensor) -> Tensor:
    """A parameter where it can learn, a buffer otherwise; on the CPU, with memory of its own."""
    copied = tensor.detach().cpu().clone()
    if isinstance(tensor, nn.Parameter) and copied.is_floating_point():
        return nn.Parameter(copied)
    return copied
