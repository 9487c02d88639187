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


def agreement(
    original: nn.Module, box: nn.Module, images: LabelledImages, *, normalisation: Normalisation
) -> dict[str, float]:
    """What two nets name of the same images: of how many the same class [percent], which one alone names rightly.

    The counts are those that `verdicts.paired_error` reads (McNemar).
    """
    named, kept = (
        logits_of(net, images, normalisation=normalisation).argmax(dim=1).cpu() for net in (original, box)
    )  # [N] each
    labels = images.labels.cpu()
    return {
        "images": len(images),
        "same_class": round(100.0 * float((named == kept).float().mean()), 3),
        "only_original_right": int(((named == labels) & (kept != labels)).sum()),
        "only_box_right": int(((kept == labels) & (named != labels)).sum()),
    }
