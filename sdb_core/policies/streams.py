"""The two streams of a box in one forward, and how the parts of a loss add up."""

import torch
from torch import Tensor, nn


def closed_and_open(net: nn.Module, x: Tensor, proxies: Tensor) -> tuple[Tensor, Tensor]:
    """T*(x) [A, C] and T*(x~) [B, C] in one forward, so that batch norm sees both streams at once."""
    logits: Tensor = net(torch.cat([x, proxies])).float()
    return logits[: len(x)], logits[len(x) :]


def summed(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parts with their sum as `loss`."""
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}
