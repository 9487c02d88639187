"""One image through a net of somebody else's, before anything is built on it."""

import torch
from torch import Tensor, nn

from sdb_core.errors import ArchitectureRefused

# What nets raise where an input is too small for their halvings, patches or windows.
UNFIT = (AssertionError, LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


def check_answers(net: nn.Module, architecture: str, *, num_classes: int, shape: tuple[int, int, int]) -> None:
    """Raise ArchitectureRefused unless the net, in eval mode, answers logits [1, K] for one image of `shape`."""
    training = net.training
    try:
        with torch.no_grad():
            answer = net.eval()(torch.zeros(1, *shape))
    except UNFIT as error:
        raise unfit(architecture, shape, error) from error
    finally:
        net.train(training)
    if not isinstance(answer, Tensor) or answer.shape != (1, num_classes):
        raise ArchitectureRefused(
            f"{architecture} does not answer one row of logits per image; choose a classification net."
        )


def unfit(architecture: str, shape: tuple[int, int, int], error: Exception) -> ArchitectureRefused:
    """The error for a net that cannot be built for, or cannot read, inputs of `shape`."""
    return ArchitectureRefused(
        f"{architecture} cannot read inputs of {'x'.join(map(str, shape))} ({type(error).__name__}); "
        "choose an sdb: net or upload larger images."
    )
