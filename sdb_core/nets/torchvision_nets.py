"""The classifiers of torchvision, as `torchvision:NAME`."""

from typing import Any

from torch import nn
from torchvision import models

from sdb_core.errors import ArchitectureRefused
from sdb_core.nets.naming import unknown
from sdb_core.nets.trial import UNFIT, check_answers, unfit

PREFIX = "torchvision:"


def torchvision_names() -> list[str]:
    """All classifiers, with the prefix."""
    return [PREFIX + name for name in models.list_models(module=models)]


def torchvision_net(architecture: str, *, num_classes: int, shape: tuple[int, int, int]) -> nn.Module:
    """Build it with random weights. Raises UnknownArchitecture or ArchitectureRefused."""
    name = architecture.removeprefix(PREFIX)
    if name not in models.list_models():
        raise unknown(architecture, torchvision_names())
    if architecture not in torchvision_names():
        raise ArchitectureRefused(f"{architecture} is no image classifier; choose a classification net of torchvision.")
    if shape[0] != 3:
        raise ArchitectureRefused(
            f"{architecture} reads 3 channels, the model says {shape[0]}; choose an sdb: net or upload RGB images."
        )
    options = _options(architecture, shape)
    try:
        net: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    except UNFIT as error:
        raise unfit(architecture, shape, error) from error
    check_answers(net, architecture, num_classes=num_classes, shape=shape)
    return net


def _options(architecture: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    name = architecture.removeprefix(PREFIX)
    if name.startswith("vit_"):
        return {"image_size": _vit_side(architecture, shape[1:])}
    if name.startswith("maxvit_"):
        return {"input_size": shape[1:]}
    if name in ("googlenet", "inception_v3"):
        return {"aux_logits": False, "init_weights": False}
    return {}


def _vit_side(architecture: str, size: tuple[int, int]) -> int:
    patch = int(architecture.rsplit("_", 1)[1])
    if size[0] != size[1] or size[0] % patch:
        raise ArchitectureRefused(
            f"{architecture} reads square images with sides that are multiples of {patch}, not {size[0]}x{size[1]}."
        )
    return size[0]
