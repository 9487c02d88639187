"""ResNetC-8, -20 and -32: CIFAR's thin residual nets, pre-activated (He et al. 2016b, arXiv 1603.05027)."""

import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.nets.blocks import averaged, conv1x1, conv3x3, start_by_fan_out


class PreActivationBlock(nn.Module):
    """BN-ReLU-conv twice; a block that widens takes its shortcut from the raw input, without normalising it."""

    def __init__(self, wide_in: int, wide_out: int, *, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(wide_in)
        self.conv1 = conv3x3(wide_in, wide_out, stride=stride)
        self.bn2 = nn.BatchNorm2d(wide_out)
        self.conv2 = conv3x3(wide_out, wide_out)
        self.downsample = nn.Sequential()
        if stride != 1 or wide_in != wide_out:
            self.downsample = nn.Sequential(conv1x1(wide_in, wide_out, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        inner = self.conv1(F.relu(self.bn1(x)))
        out: Tensor = self.conv2(F.relu(self.bn2(inner))) + self.downsample(x)
        return out


class ResNetC(nn.Module):
    """Stages of 16, 32, 64 maps with `blocks` blocks each: 6 * blocks + 2 layers."""

    def __init__(self, blocks: int, *, num_classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, 16)
        self.layer1 = _stage(blocks, 16, 16, stride=1)
        self.layer2 = _stage(blocks, 16, 32, stride=2)
        self.layer3 = _stage(blocks, 32, 64, stride=2)
        self.bn = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64, num_classes)
        start_by_fan_out(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        logits: Tensor = self.fc(averaged(F.relu(self.bn(maps))))
        return logits


def resnetc8(num_classes: int, *, channels: int) -> ResNetC:
    """One block a stage, 0.08 M parameters: ours, for benchmarks."""
    return ResNetC(1, num_classes=num_classes, channels=channels)


def resnetc20(num_classes: int, *, channels: int) -> ResNetC:
    """Three blocks a stage, 0.27 M parameters."""
    return ResNetC(3, num_classes=num_classes, channels=channels)


def resnetc32(num_classes: int, *, channels: int) -> ResNetC:
    """Five blocks a stage, 0.47 M parameters."""
    return ResNetC(5, num_classes=num_classes, channels=channels)


def _stage(blocks: int, wide_in: int, wide_out: int, *, stride: int) -> nn.Sequential:
    later = (PreActivationBlock(wide_out, wide_out, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(PreActivationBlock(wide_in, wide_out, stride=stride), *later)
