"""Losses that only attackers need: pure functions of logits [B, K], each the mean over the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor


def target_loss(target: Tensor, logits: Tensor, *, temperature: float) -> Tensor:
    """T^2 KL(target || softmax(logits/T)) for probabilities `target` [B, K]; zeros in it count as zeros."""
    log_q = F.log_softmax(logits / temperature, dim=1)  # [B, K]
    return torch.xlogy(target, target).sub(target * log_q).sum(dim=1).mean() * temperature**2


def logit_distance(teacher: Tensor, student: Tensor) -> Tensor:
    """The mean squared distance of logits [B, K] centred over the classes: a shift of all of them means nothing."""
    known, own = (logits - logits.mean(dim=1, keepdim=True) for logits in (teacher.detach(), student))
    return F.mse_loss(own, known)
