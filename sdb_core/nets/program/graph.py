"""From a captured graph to a function of state, inputs and mode, that trains on any device and in any memory format."""

import operator
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument

from sdb_core.errors import ArchitectureRefused
from sdb_core.nets.program import modes

STATE_KINDS = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
# What the exporter noted about shapes, strides and devices of its one example: others are right here.
_NOTES = (
    "_assert_tensor_metadata",
    "_assert_scalar",
    "_assert_async",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
)
# A view fails on channels_last activations; reshape is the same where a view is possible.
_VIEWS = ("view", "_unsafe_view")


def state_names(exported: ExportedProgram) -> list[str]:
    """The names of the tensors that the program's function takes before its input, in order."""
    return [str(spec.target) for spec in exported.graph_signature.input_specs if spec.kind in STATE_KINDS]


def trainable(exported: ExportedProgram) -> fx.GraphModule:
    """`function(*state, x, training) -> logits`, with the state in the order of `state_names`.

    Batch norm and dropout follow `training`, devices follow x. Raises ArchitectureRefused where that cannot be.
    """
    rewriting = _Rewriting(exported)
    for node in exported.graph.nodes:
        if node.op not in ("placeholder", "output"):
            rewriting.take(node)
    rewriting.finish()
    return fx.GraphModule(torch.nn.Module(), rewriting.graph, class_name="Program")


class _Rewriting:
    """The new graph while it grows; `made` says what stands in it for each captured node."""

    def __init__(self, exported: ExportedProgram) -> None:
        self.exported, self.graph = exported, fx.Graph()
        self.made: dict[fx.Node, fx.Node] = {}
        captured = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
        self.state: dict[str, fx.Node] = {}
        inputs = None
        for spec in exported.graph_signature.input_specs:
            if spec.kind in STATE_KINDS:
                self.state[str(spec.target)] = captured[spec.arg.name]
                self.made[captured[spec.arg.name]] = self.graph.placeholder(f"state_{len(self.state)}")
            elif isinstance(spec.arg, TensorArgument):
                inputs = captured[spec.arg.name]
        assert inputs is not None, "the signature was checked"
        self.made[inputs] = self.graph.placeholder("x")
        self.training = self.graph.placeholder("training")
        self.device = self.graph.call_function(getattr, (self.made[inputs], "device"))
        self.names = {node: name for name, node in self.state.items()}
        norms = [node for node in exported.graph.nodes if modes.is_batch_norm(node)]
        self.counters = {self._counter(node) for node in norms} - {None}
        # Where some learn, those that do not were frozen by their maker; where none does, the mode was eval.
        self.frozen = {node for node in norms if not modes.learns(node)} if any(map(modes.learns, norms)) else set()
        self.tuples: set[fx.Node] = set()  # batch norms that answer more than their result

    def take(self, node: fx.Node) -> None:
        """Bring one captured node over."""
        if node.op != "call_function":
            raise ArchitectureRefused(f"The program holds a part that is no operation ({node.name}); export it again.")
        if modes.operation(node) in _NOTES or (node.args and node.args[0] in self.counters):
            return
        if modes.is_batch_norm(node) and node not in self.frozen:
            self.made[node] = self._batch_norm(node)
        elif node.target is operator.getitem and node.args[0] in self.tuples:
            if node.args[1] == 0:
                self.made[node] = self.made[node.args[0]]  # type: ignore[index]
        else:
            self.made[node] = self._copied(node)

    def finish(self) -> None:
        """Answer the one tensor that the program answers."""
        [output] = [node for node in self.exported.graph.nodes if node.op == "output"]
        for spec, node in zip(self.exported.graph_signature.output_specs, output.args[0], strict=True):
            if spec.kind == OutputKind.USER_OUTPUT and isinstance(spec.arg, TensorArgument):
                self.graph.output(self._new(node))
        self.graph.lint()

    def _new(self, node: fx.Node) -> fx.Node:
        if node not in self.made:
            raise ArchitectureRefused(
                f"The program uses what a batch norm notes about its batches ({node.name}); export it with net.eval()."
            )
        return self.made[node]

    def _copied(self, node: fx.Node) -> fx.Node:
        values: dict[str, Any] = {}
        for name in modes.follows_training(node) if node not in self.frozen else []:
            values[name] = self.training
            if name == "dropout_p":
                given = (modes.bound(node)[name],)
                values[name] = self.graph.call_function(modes.only_in_training, given, {"training": self.training})
        copied = self.graph.node_copy(node, self._new)
        copied.meta = {}
        if modes.operation(node) in _VIEWS:
            copied.target = torch.ops.aten.reshape.default
        copied.args = tuple(self._placed(value) for value in copied.args)
        copied.kwargs = {name: self._placed(value) for name, value in copied.kwargs.items()}
        for name, value in values.items():
            _set(copied, name, value)
        return copied

    def _batch_norm(self, node: fx.Node) -> fx.Node:
        if modes.operation(node) != "batch_norm":
            self.tuples.add(node)
        given = modes.bound(node)
        names = ("input", "weight", "bias", "running_mean", "running_var")
        arguments = [self._new(given[name]) if given[name] is not None else None for name in names]
        counter = self._counter(node)
        arguments.append(self.made[counter] if counter is not None else None)
        values = {"training": self.training, "momentum": given["momentum"], "eps": given["eps"]}
        return self.graph.call_function(modes.batch_norm, tuple(arguments), values)

    def _counter(self, node: fx.Node) -> fx.Node | None:
        """The state that counts a batch norm's batches."""
        name = self.names.get(modes.bound(node)["running_mean"], "")
        return self.state.get(f"{name.removesuffix('running_mean')}num_batches_tracked")

    def _placed(self, value: Any) -> Any:
        return self.device if isinstance(value, torch.device) else value


def _set(node: fx.Node, name: str, value: Any) -> None:
    """Set an argument of an operation by its name."""
    assert isinstance(node.target, torch._ops.OpOverload)
    place = [argument.name for argument in node.target._schema.arguments].index(name)
    if place < len(node.args):
        node.update_arg(place, value)
    else:
        node.update_kwarg(name, value)
