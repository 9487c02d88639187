"""What acts differently in training and in use: batch norm, dropout, and how a captured graph is made to switch.

torch.export writes the mode of the moment into the graph as constants. Here every such constant becomes the net's own
`training`, whichever mode was captured.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from sdb_core.errors import ArchitectureRefused

_SWITCHES = ("train", "training", "use_input_stats")
_ALWAYS_TRAINING = ("_batch_norm_with_update", "_batch_norm_with_update_functional")
_BATCH_NORMS = (
    "batch_norm",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_functional",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update",
    *_ALWAYS_TRAINING,
)


def batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    count: Tensor | None,
    *,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Batch norm as torch.nn.BatchNorm2d does it: in training the batch's statistics, and the running ones follow."""
    if training and count is not None:
        count.add_(1)
    return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


def only_in_training(value: float, *, training: bool) -> float:
    """`value` in training, 0 in use: the dropout of an attention."""
    return value if training else 0.0


def operation(node: fx.Node) -> str:
    """The name of a node's tensor operation, such as "batch_norm"; "" where it is none."""
    return node.target._schema.name.partition("::")[2] if isinstance(node.target, torch._ops.OpOverload) else ""


def bound(node: fx.Node) -> dict[str, Any]:
    """A node's arguments by the names of its operation's schema, with the defaults of those left out."""
    assert isinstance(node.target, torch._ops.OpOverload)
    arguments = node.target._schema.arguments
    given = {argument.name: argument.default_value for argument in arguments if argument.has_default_value()}
    given |= {argument.name: value for argument, value in zip(arguments, node.args, strict=False)}
    return given | dict(node.kwargs)


def is_batch_norm(node: fx.Node) -> bool:
    """Whether a node normalises with running statistics, in whatever form the exporter left it."""
    return operation(node) in _BATCH_NORMS and bound(node).get("running_mean") is not None


def learns(node: fx.Node) -> bool:
    """Whether a batch norm was captured in training."""
    return bool(bound(node).get("training", operation(node) in _ALWAYS_TRAINING))


def follows_training(node: fx.Node) -> list[str]:
    """The names of a node's arguments that say in which mode it acts: none where it acts alike in both.

    Raises ArchitectureRefused for random numbers that no mode turns off.
    """
    if not isinstance(node.target, torch._ops.OpOverload):
        return []
    given = bound(node)
    if "use_input_stats" in given and given.get("running_mean") is None:
        return []  # an instance norm without running statistics acts alike in both modes
    found = [name for name in (*_SWITCHES, "dropout_p") if name in given]
    if not found and torch.Tag.nondeterministic_seeded in node.target.tags:
        raise ArchitectureRefused(
            f"The program draws random numbers outside of dropout ({operation(node)}), so it cannot be used in eval "
            "mode; export it with net.eval()."
        )
    return found
