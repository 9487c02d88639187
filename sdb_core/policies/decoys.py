"""Which class stands in for which: the second peak of `sdb-hardened`'s closed target."""

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_GAIN = 1e-6


def choose_decoys(confusions: Tensor, how: str) -> Tensor:
    """For each class the class that stands in as its decoy: int64 [C].

    `confusions` [C, C]: the original's mean probabilities over the images it names so. "next": y + 1; "near": the
    class it takes for the likeliest second; "far": the least likely; "apart": as far as can be with a decoy of its own
    for each class. Where classes share a decoy, it adds up in the answers of a net that wavers between them.
    """
    classes = len(confusions)
    if how == "next":
        return (torch.arange(classes, device=confusions.device) + 1) % classes
    own = torch.eye(classes, dtype=torch.bool, device=confusions.device)
    if how == "near":
        return confusions.masked_fill(own, -1.0).argmax(dim=1)
    if how == "far":
        return confusions.masked_fill(own, 2.0).argmin(dim=1)
    costs = (confusions + confusions.T).masked_fill(own, 4.0 * classes)
    every = torch.arange(classes, device=confusions.device)
    found = [_assigned(costs, (every + shift) % classes) for shift in (1, -1)]
    return min(found, key=lambda decoys: float(costs[every, decoys].sum()))


def _assigned(costs: Tensor, decoys: Tensor) -> Tensor:
    """A permutation d [C] of small sum of costs[c, d(c)]: the best swap of two, until none is left that gains."""
    classes = len(costs)
    every = torch.arange(classes, device=costs.device)
    while True:
        paid = costs[every, decoys]  # [C]
        crossed = costs[:, decoys]  # [C, C]: what class i would pay for the decoy of class j
        gains = paid.unsqueeze(1) + paid - crossed - crossed.T
        best = int(gains.argmax())
        if float(gains.flatten()[best]) <= _LEAST_GAIN:
            return decoys
        i, j = divmod(best, classes)
        decoys[[i, j]] = decoys[[j, i]]


def confusions(logits: Tensor) -> Tensor:
    """[C, C]: the mean probabilities over the images that `logits` [N, C] give each class."""
    named = F.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype)  # [N, C]
    counts = named.sum(dim=0).clamp_min(1.0)  # [C]
    return (named.T @ F.softmax(logits, dim=1)) / counts.unsqueeze(1)
