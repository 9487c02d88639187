"""Layers that several nets share."""

import torch.nn.functional as F
from torch import Tensor, nn


def conv1x1(wide_in: int, wide_out: int, *, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without bias: a normalisation follows."""
    return nn.Conv2d(wide_in, wide_out, 1, stride=stride, bias=False)


def conv3x3(wide_in: int, wide_out: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the sides, less the stride."""
    return nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, groups=groups, bias=False)


def averaged(maps: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C], the mean over all places."""
    return F.adaptive_avg_pool2d(maps, 1).flatten(1)


def start_by_fan_out(net: nn.Module) -> None:
    """Draw the convolutions' weights anew: normal, sqrt(2 / fan out) (He et al. 2015, arXiv 1502.01852)."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
