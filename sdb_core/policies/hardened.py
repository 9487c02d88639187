"""`sdb-hardened`: an aimed, bounded target for the closed stream, the original's answers for the open one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core import losses
from sdb_core.answers import live
from sdb_core.keys import Key
from sdb_core.normalise import channel_scales
from sdb_core.policies.case import Case
from sdb_core.policies.decoys import choose_decoys, confusions
from sdb_core.policies.streams import closed_and_open, summed
from sdb_core.settings import WrapSettings
from sdb_core.training import Batch, Objective, generator_on

_STEEPEST, _HALVINGS = 8.0, 40  # of ten's exponent


def objective(case: Case) -> Objective:
    """The closed stream is held to its target on the images, on mixtures of two of them (as the original answers), and
    on images under wrong keys; the open stream on x~ alone.
    """
    settings, known = case.settings, case.known()
    decoys = choose_decoys(confusions(case.logits()), settings.decoy)
    heat, open_heat = settings.temperature, settings.open_temperature or settings.temperature
    copied = settings.open_copies > 0 and settings.augment != "none"
    averaged = case.averaged(settings.open_copies, temperature=open_heat) if copied else None
    steepness = doubt_steepness(case.seen_logits(), share=settings.caution)

    def values(batch: Batch) -> dict[str, Tensor]:
        answers = known(batch)  # [B, C]
        x, told = _closed_inputs(batch, answers, case.original, key=case.key, settings=settings)
        closed, opened = closed_and_open(case.net, x, case.proxies(batch.x))
        closed_target = _closed_target(told, decoys, steepness=steepness, settings=settings)
        soft = F.softmax(answers / open_heat, dim=1) if averaged is None else averaged[batch.index]
        open_target = _with_labels(soft, batch.labels, share=settings.open_label_share)
        return summed(
            {
                "closed_target": settings.closed_weight * losses.targeted_loss(closed_target, closed, temperature=heat),
                "closed_ce": settings.closed_ce * F.cross_entropy(closed, told.argmax(dim=1)),
                "open_target": settings.open_weight * losses.targeted_loss(open_target, opened, temperature=heat),
                "open_ce": settings.open_ce * F.cross_entropy(opened, batch.labels),
            }
        )

    return values


def doubt_steepness(logits: Tensor, *, share: float) -> float:
    """The exponent g at which 1 - p^g is `share` on the mean over `logits` [N, K], p being the largest probability.

    A model is nearly sure of all its training images: how much surer of one than of another is what g brings out. 0
    for a share of 0; where rounding has made every p one, or nearly, no g is large enough and the largest is taken.
    """
    if share == 0.0:
        return 0.0
    losses_of_top = -F.log_softmax(logits.double(), dim=1).amax(dim=1)  # [N]
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        doubt = float(-torch.expm1(-(10**middle) * losses_of_top).mean())
        low, high = (middle, high) if doubt < share else (low, middle)
    return float(10**high)


def mixed(x: Tensor, *, most: float, generator: torch.Generator) -> Tensor:
    """Each input blended with another of the batch, which weighs up to `most`: [B, C, H, W]."""
    draws = generator_on(x.device, generator)
    partner = torch.randperm(len(x), generator=draws, device=x.device)
    weight = most * torch.rand((len(x), 1, 1, 1), generator=draws, device=x.device)
    return torch.lerp(x, x[partner], weight)


def under_wrong_keys(x: Tensor, *, key: Key, generator: torch.Generator) -> Tensor:
    """Each input blended with a random key of its own, made like the right one: [B, C, H, W]."""
    pixels = torch.rand(x.shape, generator=generator_on(x.device, generator), device=x.device)
    shift, scale = channel_scales(key.mean, key.std, x.device)
    return torch.lerp((pixels - shift) / scale, x, key.lam)


def _closed_inputs(
    batch: Batch, answers: Tensor, original: nn.Module, *, key: Key, settings: WrapSettings
) -> tuple[Tensor, Tensor]:
    """The closed stream's inputs [A, C, H, W] and the original's logits that each is held to [A, K]."""
    beside = round(settings.beside * len(answers))
    inputs, told = [batch.x], [answers]
    if settings.mixup > 0:
        blends = mixed(batch.x, most=settings.mixup, generator=batch.generator)[:beside]
        inputs.append(blends)
        told.append(live(original, blends))
    if settings.wrong_keys:
        inputs.append(under_wrong_keys(batch.x[:beside], key=key, generator=batch.generator))
        told.append(answers[:beside])
    return torch.cat(inputs), torch.cat(told)


def _closed_target(told: Tensor, decoys: Tensor, *, steepness: float, settings: WrapSettings) -> Tensor:
    """Top class and decoy as far as the original is sure, its own softened answer as far as it is not: [A, K].

    Where the original wavers, a decoy for each of its classes would outweigh them all, and the box name it.
    """
    top, classes = told.argmax(dim=1), told.shape[1]
    aimed = losses.decoy_target(
        top, decoys, classes=classes, top_share=settings.top_share, decoy_share=settings.decoy_share
    )
    sure = (steepness * F.log_softmax(told, dim=1).amax(dim=1, keepdim=True)).exp()  # [A, 1]
    return torch.lerp(F.softmax(told / settings.temperature, dim=1), aimed, sure)


def _with_labels(soft: Tensor, labels: Tensor, *, share: float) -> Tensor:
    """Probabilities [B, K] with a share of the label mixed in."""
    return torch.lerp(soft, F.one_hot(labels, soft.shape[1]).float(), share)
