"""What each policy minimises: objectives for the one training loop."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core import losses
from sdb_core.answers import Answers, live
from sdb_core.keys import Key
from sdb_core.settings import WrapSettings
from sdb_core.training import Batch, Objective


def hardened(
    net: nn.Module, original: nn.Module, known: Answers, *, key: Key, decoys: Tensor, settings: WrapSettings
) -> Objective:
    """`sdb-hardened`: an aimed, bounded target for the closed stream, the original's answers for the open one.

    The closed stream is held to its target on the images, on mixtures of two of them (named by the original), and on
    images under wrong keys; the open stream on x~ alone.
    """

    def objective(batch: Batch) -> dict[str, Tensor]:
        answers = known(batch)  # [B, C]
        x, top = _closed_inputs(batch, answers.argmax(dim=1), original, key=key, settings=settings)
        closed, opened = closed_and_open(net, x, key.embed(batch.x))
        shares = {"top_share": settings.top_share, "decoy_share": settings.decoy_share}
        closed_target = losses.decoy_target(top, decoys, classes=answers.shape[1], **shares)
        open_target = _open_target(answers, batch.labels, settings=settings)
        heat = settings.temperature
        return _summed(
            {
                "closed_target": settings.closed_weight * losses.targeted_loss(closed_target, closed, temperature=heat),
                "closed_ce": settings.closed_ce * F.cross_entropy(closed, top),
                "open_target": settings.open_weight * losses.targeted_loss(open_target, opened, temperature=heat),
                "open_ce": settings.open_ce * F.cross_entropy(opened, batch.labels),
            }
        )

    return objective


def paper(net: nn.Module, original: Answers, twin: Answers, *, key: Key, settings: WrapSettings) -> Objective:
    """`sdb`: L_cls + L_dis + L_kp, Eqs. 4-11 of arXiv 2112.03695."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        answers, random = original(batch), twin(batch)  # [B, C] each
        closed, opened = closed_and_open(net, batch.x, key.embed(batch.x))
        heat = settings.temperature
        return _summed(
            {
                "cls": losses.classification_loss(closed, opened, batch.labels),
                "dis": losses.disturbance_loss(answers, closed, opened, omega=settings.omega, temperature=heat),
                "kp": losses.preservation_loss(
                    answers,
                    random,
                    opened,
                    eta=settings.eta,
                    main_temperature=heat,
                    temperature=settings.aug_temperature or None,
                ),
            }
        )

    return objective


def nasty(net: nn.Module, original: Answers, *, settings: WrapSettings) -> Objective:
    """`nasty`: the Nasty Teacher's loss (arXiv 2105.07381, Eq. 2); it has no key."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        closed = net(batch.x).float()  # [B, C]
        heat = settings.temperature
        return {
            "loss": losses.nasty_loss(original(batch), closed, batch.labels, omega=settings.omega, temperature=heat)
        }

    return objective


def closed_and_open(net: nn.Module, x: Tensor, proxies: Tensor) -> tuple[Tensor, Tensor]:
    """T*(x) [A, C] and T*(x~) [B, C] in one forward, so that batch norm sees both streams at once."""
    logits: Tensor = net(torch.cat([x, proxies])).float()
    return logits[: len(x)], logits[len(x) :]


def mixed(x: Tensor, *, most: float, generator: torch.Generator) -> Tensor:
    """Each input blended with another of the batch, which weighs up to `most`: [B, C, H, W]."""
    partner = torch.randperm(len(x), generator=generator).to(x.device)
    weight = most * torch.rand((len(x), 1, 1, 1), generator=generator).to(x.device)
    return torch.lerp(x, x[partner], weight)


def under_wrong_keys(x: Tensor, *, key: Key, generator: torch.Generator) -> Tensor:
    """Each input blended with a random key of its own, made like the right one: [B, C, H, W]."""
    pixels = torch.rand(x.shape, generator=generator).to(x.device)
    shift = torch.tensor(key.mean, device=x.device).view(1, -1, 1, 1)
    scale = torch.tensor(key.std, device=x.device).view(1, -1, 1, 1)
    return torch.lerp((pixels - shift) / scale, x, key.lam)


def _closed_inputs(
    batch: Batch, top: Tensor, original: nn.Module, *, key: Key, settings: WrapSettings
) -> tuple[Tensor, Tensor]:
    """The closed stream's inputs [A, C, H, W] and the class that the original names for each [A]."""
    inputs, named = [batch.x], [top]
    if settings.mixup > 0:
        blends = mixed(batch.x, most=settings.mixup, generator=batch.generator)
        inputs.append(blends)
        named.append(live(original, blends).argmax(dim=1))
    if settings.wrong_keys:
        inputs.append(under_wrong_keys(batch.x, key=key, generator=batch.generator))
        named.append(top)
    return torch.cat(inputs), torch.cat(named)


def _open_target(answers: Tensor, labels: Tensor, *, settings: WrapSettings) -> Tensor:
    """The original's softened answer, with a share of the label mixed in: [B, C]."""
    soft = F.softmax(answers / settings.temperature, dim=1)
    hard = F.one_hot(labels, answers.shape[1]).float()
    return torch.lerp(soft, hard, settings.open_label_share)


def _summed(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}
