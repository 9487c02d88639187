"""The nets of timm, as `timm:NAME`: an extra. Weights are never downloaded, and timm is loaded when first asked for."""

import importlib
from typing import Any

from torch import nn

from sdb_core.errors import ArchitectureUnavailable
from sdb_core.nets.naming import unknown
from sdb_core.nets.trial import UNFIT, check_answers, unfit

PREFIX = "timm:"


def timm_net(architecture: str, *, num_classes: int, shape: tuple[int, int, int]) -> nn.Module:
    """Build it with random weights for inputs of `shape`.

    Raises ArchitectureUnavailable (without timm), UnknownArchitecture or ArchitectureRefused.
    """
    timm = _timm()
    name = architecture.removeprefix(PREFIX)
    known = timm.list_models()  # nothing else: `hf-hub:` and `local-dir:` names would fetch or open files
    if name not in known:
        raise unknown(architecture, (PREFIX + other for other in known))
    sizes = {"img_size": shape[1:]} if getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False) else {}
    try:
        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=shape[0], **sizes)
    except UNFIT as error:
        raise unfit(architecture, shape, error) from error
    check_answers(net, architecture, num_classes=num_classes, shape=shape)
    return net


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise ArchitectureUnavailable(
            "timm is not installed here; install it (pip install timm), or choose an sdb: or torchvision: net."
        ) from error
