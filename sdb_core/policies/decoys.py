"""Which class stands in for which: the second peak of `sdb-hardened`'s closed target."""

import torch
import torch.nn.functional as F
from torch import Tensor


def choose_decoys(confusions: Tensor, how: str) -> Tensor:
    """For each class the class that stands in as its decoy: int64 [C].

    `confusions` [C, C]: the original's mean probabilities over the images it names so. "next": y + 1; "near": the
    class it takes for the likeliest second; "far": the least likely.
    """
    classes = len(confusions)
    if how == "next":
        return (torch.arange(classes, device=confusions.device) + 1) % classes
    own = torch.eye(classes, dtype=torch.bool, device=confusions.device)
    if how == "near":
        return confusions.masked_fill(own, -1.0).argmax(dim=1)
    return confusions.masked_fill(own, 2.0).argmin(dim=1)


def confusions(logits: Tensor) -> Tensor:
    """[C, C]: the mean probabilities over the images that `logits` [N, C] give each class."""
    named = F.one_hot(logits.argmax(dim=1), logits.shape[1]).float()  # [N, C]
    counts = named.sum(dim=0).clamp_min(1.0)  # [C]
    return (named.T @ F.softmax(logits, dim=1)) / counts.unsqueeze(1)
