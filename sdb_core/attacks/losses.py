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


def divergence_from(before: Tensor, own: Tensor, *, temperature: float) -> Tensor:
    """T^2 KL(own/T || before/T): how far a net has come from the one before."""
    log_p, log_q = (F.log_softmax(logits / temperature, dim=1) for logits in (own, before.detach()))
    return _divergence(log_p, log_q).mean() * temperature**2


def decoupled_loss(
    teacher: Tensor, student: Tensor, labels: Tensor, *, alpha: float, beta: float | Tensor, temperature: float
) -> Tensor:
    """T^2 (alpha TCKD + beta NCKD), Eqs. 6 and 7 of Zhao et al. 2022 (arXiv 2203.08679).

    TCKD: KL over {right, wrong}; NCKD: KL over the wrong classes alone. With alpha 1 and `beta` [B] the teacher's
    probability of being wrong, it is the usual distillation loss.
    """
    right = F.one_hot(labels, teacher.shape[1]).bool()  # [B, K]
    known, own = (_two_parts(logits / temperature, right) for logits in (teacher.detach(), student))
    target, others = (_divergence(p, q) for p, q in zip(known, own, strict=True))  # [B] each
    return (alpha * target + beta * others).mean() * temperature**2


def _two_parts(logits: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of {right, wrong} [B, 2], and of the wrong classes among themselves [B, K - 1]."""
    log_p = F.log_softmax(logits, dim=1)
    wrong = log_p[~right].view(len(log_p), -1)  # [B, K - 1]
    total = wrong.logsumexp(dim=1, keepdim=True)
    return torch.cat([log_p[right].unsqueeze(1), total], dim=1), wrong - total


def _divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(dim=1)
