"""`nasty`: the Nasty Teacher (Ma et al., ICLR 2021, arXiv 2105.07381); `nasty-ke` embeds the paper's key into it."""

import torch.nn.functional as F
from torch import Tensor

from sdb_core import losses
from sdb_core.policies.case import Case
from sdb_core.policies.streams import closed_and_open, summed
from sdb_core.training import Batch, Objective


def objective(case: Case) -> Objective:
    """The Nasty Teacher's loss; it has no key."""
    original = case.known()

    def values(batch: Batch) -> dict[str, Tensor]:
        closed = case.net(batch.x).float()  # [B, C]
        return {"loss": _nasty(original(batch), closed, batch, case=case)}

    return values


def objective_with_key(case: Case) -> Objective:
    """The Nasty Teacher's loss on x, plain cross entropy on x~: the paper's baseline "Nasty with key embedding"."""
    original = case.known()

    def values(batch: Batch) -> dict[str, Tensor]:
        closed, opened = closed_and_open(case.net, batch.x, case.proxies(batch.x))
        return summed(
            {
                "nasty": _nasty(original(batch), closed, batch, case=case),
                "open_ce": case.settings.open_ce * F.cross_entropy(opened, batch.labels),
            }
        )

    return values


def _nasty(answers: Tensor, closed: Tensor, batch: Batch, *, case: Case) -> Tensor:
    omega, heat = case.settings.omega, case.settings.temperature
    return losses.nasty_loss(answers, closed, batch.labels, omega=omega, temperature=heat)
