"""How often a net is right."""

from torch import nn

from sdb_core.answers import logits_of
from sdb_core.datasets.images import LabelledImages
from sdb_core.keys import Key
from sdb_core.normalise import Normalisation


def accuracy(net: nn.Module, images: LabelledImages, *, normalisation: Normalisation, key: Key | None = None) -> float:
    """The share of `images` that `net` names rightly, in percent: from x, or with the `key` from x~."""
    logits = logits_of(net, images, normalisation=normalisation, key=key)  # [N, K]
    right = logits.argmax(dim=1).cpu() == images.labels.cpu()
    return 100.0 * float(right.float().mean())
