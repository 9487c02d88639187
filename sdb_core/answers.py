"""What a frozen net answers: logits over a data set, or batch by batch as a teacher."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sdb_core.datasets.images import LabelledImages
from sdb_core.keys import Key
from sdb_core.normalise import Normalisation
from sdb_core.settings import TrainingSettings
from sdb_core.training import Batch

Answers = Callable[[Batch], Tensor]
_BATCH = 512
_MOST_CACHED = 50_000_000


def frozen(net: nn.Module) -> nn.Module:
    """Put a teacher into eval mode and out of every optimiser's reach; answers the same net."""
    return net.eval().requires_grad_(False)


def logits_of(
    net: nn.Module, images: LabelledImages, *, normalisation: Normalisation, key: Key | None = None
) -> Tensor:
    """The net's float32 logits [N, K] in eval mode: of x, or with the `key` of x~. Computed where the net lives."""
    was_training = net.training
    net.eval()
    device = device_of(net)
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            x = normalisation(images.images[start : start + _BATCH].to(device))
            found.append(net(x if key is None else key.embed(x)).float())
    net.train(was_training)
    return torch.cat(found).clone()


def teacher_answers(
    net: nn.Module,
    images: LabelledImages,
    *,
    normalisation: Normalisation,
    settings: TrainingSettings,
    key: Key | None = None,
) -> Answers:
    """The teacher as a function of a batch: from one pass over `images` where inputs never change, else live."""
    frozen(net)
    classes = len(images.class_names)
    if settings.augment == "none" and len(images) * classes <= _MOST_CACHED:
        table = logits_of(net, images, normalisation=normalisation, key=key)  # [N, K]
        return lambda batch: table[batch.index]
    asked = _quick(net, settings)
    at_hand = None if key is None else key.to(device_of(net))
    return lambda batch: live(asked, batch.x if at_hand is None else at_hand.embed(batch.x))


def _quick(net: nn.Module, settings: TrainingSettings) -> nn.Module:
    """The frozen net as it answers fastest: what autocast would convert at every call is converted once, in a copy."""
    if settings.precision == "bfloat16":
        net = copy.deepcopy(net)
        for module in net.modules():
            if type(module) in (nn.Conv2d, nn.Linear):  # a subclass may compute with its weights
                module.to(torch.bfloat16)
    return net.to(memory_format=torch.channels_last)


def device_of(net: nn.Module) -> torch.device:
    """Where a net's weights are."""
    return next(net.parameters()).device


def live(net: nn.Module, x: Tensor) -> Tensor:
    """The frozen net's float32 logits [B, K] of normalised x, without a gradient."""
    with torch.no_grad():
        logits: Tensor = net(x)
    return logits.float()
