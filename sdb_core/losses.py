"""The losses of the paper (Ye et al., "Safe Distillation Box", AAAI 2022, arXiv 2112.03695), one function per equation.

All take logits [B, C] and answer a scalar: the mean over the batch. T is the frozen original, T0 a frozen
random-initialised twin, T* the box's net, x~ the proxy input.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def divergence(p_logits: Tensor, q_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(softmax(p/T) || softmax(q/T)), mean over the batch [nats]. The gradient flows through both."""
    p = F.log_softmax(p_logits / temperature, dim=1)  # [B, C]
    q = F.log_softmax(q_logits / temperature, dim=1)  # [B, C]
    return F.kl_div(q, p, reduction="batchmean", log_target=True)


def student_loss(
    student: Tensor, teacher: Tensor, labels: Tensor, *, alpha: float, temperature: float, smoothing: float = 0.0
) -> Tensor:
    """Eqs. 2 and 3: (1 - alpha) CE(S, y) + alpha T^2 KL(T/T || S/T).

    T^2 keeps the gradient's size over temperatures (Hinton et al. 2015). For an authorised student the teacher's
    logits are those of x~, the student's those of x. `smoothing` smooths the labels (0 in the paper).
    """
    hard = F.cross_entropy(student, labels, label_smoothing=smoothing)
    soft = divergence(teacher.detach(), student, temperature) * temperature**2
    return (1 - alpha) * hard + alpha * soft


def classification_loss(
    closed: Tensor, opened: Tensor, labels: Tensor, *, closed_weight: float = 1.0, open_weight: float = 1.0
) -> Tensor:
    """L_cls, Eq. 6: CE(T*(x), y) + CE(T*(x~), y); the authors' code weighs them 2 to 1."""
    return closed_weight * F.cross_entropy(closed, labels) + open_weight * F.cross_entropy(opened, labels)


def disturbance_loss(original: Tensor, closed: Tensor, opened: Tensor, *, omega: float, temperature: float) -> Tensor:
    """L_dis, Eq. 7: -omega KL(T(x)/T || T*(x)/T) + omega KL(T*(x~) || T*(x)). Gradient through T*(x) only."""
    away = divergence(original.detach(), closed, temperature)
    near = divergence(opened.detach(), closed)
    return omega * (near - away)


def main_knowledge_loss(original: Tensor, opened: Tensor, *, temperature: float) -> Tensor:
    """L_main, Eq. 9's first term: || softmax(T*(x~)/T) - softmax(T(x)/T) ||^2, mean over the batch."""
    target = F.softmax(original.detach() / temperature, dim=1)  # [B, C]
    return (F.softmax(opened / temperature, dim=1) - target).square().sum(dim=1).mean()


def augmentation_loss(
    original: Tensor, twin: Tensor, opened: Tensor, *, temperature: float | None, away_weight: float = 1.0
) -> Tensor:
    """L_aug, Eq. 10: -KL(T(x), T*(x~)) + KL(T0(x), T*(x~)) at T_aug.

    `temperature=None` is Eq. 11, the limit T_aug -> infinity (times C T^2): half the squared distances between logits
    centred over the classes, which is what the divergence tends to. `away_weight` weighs the first term.
    """
    if temperature is None:
        near = _half_squared_distance(twin.detach(), opened)
        return near - away_weight * _half_squared_distance(original.detach(), opened)
    near = divergence(twin.detach(), opened, temperature)
    return near - away_weight * divergence(original.detach(), opened, temperature)


def decoy_target(top: Tensor, decoys: Tensor, *, classes: int, top_share: float, decoy_share: float) -> Tensor:
    """The closed target of `sdb-hardened`: [B, C] probabilities q, to be met at the disturbance's temperature.

    `top` [B] is the class the original names, `decoys` [C] the class that stands in for each. The top class gets
    `top_share`, its decoy `decoy_share`, the others share the rest evenly; of two classes there are no others, and the
    two shares are scaled to 1. Bounded where Eq. 7 is not.
    """
    if classes == 2:
        top_share, decoy_share = (share / (top_share + decoy_share) for share in (top_share, decoy_share))
    rest = (1.0 - top_share - decoy_share) / max(classes - 2, 1)
    q = torch.full((len(top), classes), rest, dtype=torch.float32, device=top.device)  # [B, C]
    q.scatter_(1, decoys[top].unsqueeze(1), decoy_share)
    return q.scatter_(1, top.unsqueeze(1), top_share)


def targeted_loss(target: Tensor, logits: Tensor, *, temperature: float) -> Tensor:
    """T^2 KL(q || softmax(logits/T)) for a target q of probabilities [B, C]: `sdb-hardened`'s aimed disturbance."""
    log_q = target.clamp_min(1e-12).log()
    log_p = F.log_softmax(logits / temperature, dim=1)  # [B, C]
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True) * temperature**2


def nasty_loss(original: Tensor, closed: Tensor, labels: Tensor, *, omega: float, temperature: float) -> Tensor:
    """Nasty Teacher (Ma et al., ICLR 2021, arXiv 2105.07381, Eq. 2): CE(T*(x), y) - omega T^2 KL(T*(x)/T || T(x)/T)."""
    away = divergence(closed, original.detach(), temperature) * temperature**2
    return F.cross_entropy(closed, labels) - omega * away


def _half_squared_distance(a: Tensor, b: Tensor) -> Tensor:
    a = a - a.mean(dim=1, keepdim=True)  # [B, C]
    b = b - b.mean(dim=1, keepdim=True)  # [B, C]
    return 0.5 * (a - b).square().sum(dim=1).mean()
