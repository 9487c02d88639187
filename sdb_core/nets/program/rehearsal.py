"""One run of a rewritten program in both modes: what cannot serve or cannot learn is found out before any work."""

import copy

import torch
from torch import Tensor, nn

from sdb_core.errors import ArchitectureRefused, CoreError

_BATCH = 5
_TOLERANCE = 1e-3


def rehearse(net: nn.Module, *, num_classes: int, shape: tuple[int, int, int]) -> None:
    """Raise ArchitectureRefused unless `net` answers each image by itself in eval mode, and learns in train mode.

    `net` is not changed, nor torch's global generator.
    """
    x = torch.randn(_BATCH, *shape, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        try:
            _require_serves(copy.deepcopy(net).eval(), x, num_classes=num_classes)
        except (CoreError, MemoryError):
            raise
        except Exception as error:
            raise ArchitectureRefused(
                f"The program does not run in eval mode on {tuple(x.shape)} ({type(error).__name__}); "
                "run it on batches of other sizes before you export it."
            ) from error
        try:
            _require_learns(copy.deepcopy(net).train(), x)
        except (CoreError, MemoryError):
            raise
        except Exception as error:
            raise ArchitectureRefused(
                f"The program cannot be trained ({type(error).__name__}); train the network for a step before you "
                "export it, with net.eval()."
            ) from error


def _require_serves(net: nn.Module, x: Tensor, *, num_classes: int) -> None:
    before, given = {name: tensor.clone() for name, tensor in net.state_dict().items()}, x.clone()
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[:1]), net(x[1:3]), net(x[3:])])
    if together.shape != (_BATCH, num_classes):
        raise ArchitectureRefused(
            f"The program answers {tuple(together.shape)} for {_BATCH} images; export [B, K] logits."
        )
    if not torch.equal(x, given):
        raise ArchitectureRefused("The program writes into its input; let forward work on a copy and export again.")
    if any(not torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items()):
        raise ArchitectureRefused("The program changes its own state in eval mode; export it with net.eval().")
    apart = float((together - alone).abs().max())
    if not apart <= _TOLERANCE * max(1.0, float(together.abs().max())):
        raise ArchitectureRefused(
            f"The program's answer for an image depends on chance or on the other images ({apart:.2g} apart); "
            "export it with net.eval()."
        )


def _require_learns(net: nn.Module, x: Tensor) -> None:
    """As the training loop does it: channels_last, a gradient for some weight."""
    net.requires_grad_(True).to(memory_format=torch.channels_last)
    logits = net(x.contiguous(memory_format=torch.channels_last))
    if not logits.requires_grad:
        raise ArchitectureRefused("No weight of the program can learn; export a network with parameters.")
    logits.square().mean().backward()
    if all(parameter.grad is None for parameter in net.parameters()):
        raise ArchitectureRefused("No weight of the program can learn; export a network with parameters.")
