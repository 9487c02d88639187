"""ResNet-18 and ResNet-50 for small images: a 3x3 stem and no first pooling (He et al. 2016a, arXiv 1512.03385)."""

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.nets.blocks import averaged, conv1x1, conv3x3


class BasicBlock(nn.Module):
    """conv-BN-ReLU twice with a shortcut."""

    expansion = 1

    def __init__(self, wide_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(wide_in, width, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(wide_in, width, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a shortcut; it answers four times `width` maps."""

    expansion = 4

    def __init__(self, wide_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        wide_out = self.expansion * width
        self.conv1 = conv1x1(wide_in, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, wide_out)
        self.bn3 = nn.BatchNorm2d(wide_out)
        self.shortcut = _shortcut(wide_in, wide_out, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.shortcut(x))


class ResNet(nn.Module):
    """Four stages of 64, 128, 256, 512 maps (times the block's expansion), `depths` blocks each."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, int, int, int],
        *,
        num_classes: int,
        channels: int,
    ) -> None:
        super().__init__()
        grown = block.expansion
        self.conv1 = conv3x3(channels, 64)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(block, depths[0], wide_in=64, width=64, stride=1)
        self.layer2 = _stage(block, depths[1], wide_in=64 * grown, width=128, stride=2)
        self.layer3 = _stage(block, depths[2], wide_in=128 * grown, width=256, stride=2)
        self.layer4 = _stage(block, depths[3], wide_in=256 * grown, width=512, stride=2)
        self.linear = nn.Linear(512 * grown, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = self.layer1(F.relu(self.bn1(self.conv1(x))))
        maps = self.layer4(self.layer3(self.layer2(maps)))
        logits: Tensor = self.linear(averaged(maps))
        return logits


def resnet18(num_classes: int, *, channels: int) -> ResNet:
    """Two basic blocks a stage, 11 M parameters."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes=num_classes, channels=channels)


def resnet50(num_classes: int, *, channels: int) -> ResNet:
    """3, 4, 6 and 3 bottlenecks, 24 M parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes=num_classes, channels=channels)


def _stage(
    block: type[BasicBlock] | type[Bottleneck], depth: int, *, wide_in: int, width: int, stride: int
) -> nn.Sequential:
    later = (block(width * block.expansion, width, stride=1) for _ in range(depth - 1))
    return nn.Sequential(block(wide_in, width, stride=stride), *later)


def _shortcut(wide_in: int, wide_out: int, *, stride: int) -> nn.Sequential:
    if stride == 1 and wide_in == wide_out:
        return nn.Sequential()
    return nn.Sequential(conv1x1(wide_in, wide_out, stride=stride), nn.BatchNorm2d(wide_out))
