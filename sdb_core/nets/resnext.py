"""ResNeXt-29 (8x64d) for small images (Xie et al. 2017, arXiv 1611.05431, the form of figure 3c)."""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.nets.blocks import averaged, conv1x1, conv3x3, start_by_fan_out

_GROUPS = 8
_BLOCKS = 3


class GroupedBottleneck(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolutions with a shortcut; the inner width is twice the outer one."""

    def __init__(self, wide_in: int, wide_out: int, *, stride: int) -> None:
        super().__init__()
        inner = 2 * wide_out
        self.conv_reduce = conv1x1(wide_in, inner)
        self.bn_reduce = nn.BatchNorm2d(inner)
        self.conv_conv = conv3x3(inner, inner, stride=stride, groups=_GROUPS)
        self.bn = nn.BatchNorm2d(inner)
        self.conv_expand = conv1x1(inner, wide_out)
        self.bn_expand = nn.BatchNorm2d(wide_out)
        self.shortcut = nn.Sequential()
        if wide_in != wide_out:
            self.shortcut.add_module("shortcut_conv", conv1x1(wide_in, wide_out, stride=stride))
            self.shortcut.add_module("shortcut_bn", nn.BatchNorm2d(wide_out))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        inner = F.relu(self.bn_reduce(self.conv_reduce(x)))
        inner = F.relu(self.bn(self.conv_conv(inner)))
        return F.relu(self.bn_expand(self.conv_expand(inner)) + self.shortcut(x))


class ResNeXt29(nn.Module):
    """Three stages of 256, 512, 1024 maps, three blocks each, 34 M parameters."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.conv_1_3x3 = conv3x3(channels, 64)
        self.bn_1 = nn.BatchNorm2d(64)
        self.stage_1 = _stage("stage_1", 64, 256, stride=1)
        self.stage_2 = _stage("stage_2", 256, 512, stride=2)
        self.stage_3 = _stage("stage_3", 512, 1024, stride=2)
        self.classifier = nn.Linear(1024, num_classes)
        start_by_fan_out(self)
        nn.init.kaiming_normal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = F.relu(self.bn_1(self.conv_1_3x3(x)))
        maps = self.stage_3(self.stage_2(self.stage_1(maps)))
        logits: Tensor = self.classifier(averaged(maps))
        return logits


def _stage(name: str, wide_in: int, wide_out: int, *, stride: int) -> nn.Sequential:
    blocks = [GroupedBottleneck(wide_in, wide_out, stride=stride)]
    blocks += [GroupedBottleneck(wide_out, wide_out, stride=1) for _ in range(_BLOCKS - 1)]
    return nn.Sequential(OrderedDict((f"{name}_bottleneck_{place}", block) for place, block in enumerate(blocks)))
