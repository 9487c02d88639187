"""`sdb`: the paper's loss (arXiv 2112.03695, Eqs. 4-11) with its ablations as switches, and `ke`, its Eq. 6 alone."""

import torch.nn.functional as F
from torch import Tensor

from sdb_core import losses
from sdb_core.policies.case import Case
from sdb_core.policies.streams import closed_and_open, summed
from sdb_core.training import Batch, Objective


def objective(case: Case) -> Objective:
    """L_cls + L_dis + L_kp; what is switched off is left out, and T and T0 are not asked for it."""
    settings = case.settings
    original = case.known() if settings.disturbance or settings.preservation else None
    twin = case.twin() if settings.preservation and settings.augmentation else None

    def values(batch: Batch) -> dict[str, Tensor]:
        closed, opened = closed_and_open(case.net, batch.x, case.proxies(batch.x))
        weights = {"closed_weight": settings.closed_ce, "open_weight": settings.open_ce}
        parts = {"cls": losses.classification_loss(closed, opened, batch.labels, **weights)}
        if original is None:
            return summed(parts)
        answers = original(batch)  # [B, C]
        heat = settings.temperature
        if settings.disturbance:
            parts["dis"] = losses.disturbance_loss(answers, closed, opened, omega=settings.omega, temperature=heat)
        if settings.preservation:
            parts["kp"] = settings.main_weight * losses.main_knowledge_loss(answers, opened, temperature=heat)
        if twin is not None:
            parts["kp"] = parts["kp"] + settings.eta * _augmentation(answers, twin(batch), opened, case=case)
        return summed(parts)

    return values


def _augmentation(answers: Tensor, random: Tensor, opened: Tensor, *, case: Case) -> Tensor:
    """L_aug as printed, or as in the authors' code: logits below zero count as zero, "away" weighs less."""
    settings = case.settings
    if settings.rectify:
        answers, random, opened = F.relu(answers), F.relu(random), F.relu(opened)
    heat = settings.aug_temperature or None
    return losses.augmentation_loss(answers, random, opened, temperature=heat, away_weight=settings.away_weight)
