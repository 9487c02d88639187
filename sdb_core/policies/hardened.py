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


def objective(case: Case) -> Objective:
    """The closed stream is held to its target on the images, on mixtures of two of them (named by the original), and
    on images under wrong keys; the open stream on x~ alone.
    """
    settings, known = case.settings, case.known()
    decoys = choose_decoys(confusions(case.logits()), settings.decoy)
    shares = {"top_share": settings.top_share, "decoy_share": settings.decoy_share}

    def values(batch: Batch) -> dict[str, Tensor]:
        answers = known(batch)  # [B, C]
        x, top = _closed_inputs(batch, answers.argmax(dim=1), case.original, key=case.key, settings=settings)
        closed, opened = closed_and_open(case.net, x, case.proxies(batch.x))
        closed_target = losses.decoy_target(top, decoys, classes=answers.shape[1], **shares)
        open_target = _open_target(answers, batch.labels, settings=settings)
        heat = settings.temperature
        return summed(
            {
                "closed_target": settings.closed_weight * losses.targeted_loss(closed_target, closed, temperature=heat),
                "closed_ce": settings.closed_ce * F.cross_entropy(closed, top),
                "open_target": settings.open_weight * losses.targeted_loss(open_target, opened, temperature=heat),
                "open_ce": settings.open_ce * F.cross_entropy(opened, batch.labels),
            }
        )

    return values


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
    batch: Batch, top: Tensor, original: nn.Module, *, key: Key, settings: WrapSettings
) -> tuple[Tensor, Tensor]:
    """The closed stream's inputs [A, C, H, W] and the class that the original names for each [A]."""
    beside = round(settings.beside * len(top))
    inputs, named = [batch.x], [top]
    if settings.mixup > 0:
        blends = mixed(batch.x, most=settings.mixup, generator=batch.generator)[:beside]
        inputs.append(blends)
        named.append(live(original, blends).argmax(dim=1))
    if settings.wrong_keys:
        inputs.append(under_wrong_keys(batch.x[:beside], key=key, generator=batch.generator))
        named.append(top[:beside])
    return torch.cat(inputs), torch.cat(named)


def _open_target(answers: Tensor, labels: Tensor, *, settings: WrapSettings) -> Tensor:
    """The original's softened answer, with a share of the label mixed in: [B, C]."""
    soft = F.softmax(answers / settings.temperature, dim=1)
    hard = F.one_hot(labels, answers.shape[1]).float()
    return torch.lerp(soft, hard, settings.open_label_share)
