"""CIFAR residual nets of the paper: ResNet-18 (3x3 stem, no first pooling) and the pre-activation ResNet-20."""

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """conv-BN-ReLU twice with a shortcut (He et al. 2016a, arXiv 1512.03385)."""

    def __init__(self, wide_in: int, wide_out: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide_out)
        self.conv2 = nn.Conv2d(wide_out, wide_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or wide_in != wide_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(wide_in, wide_out, 1, stride=stride, bias=False), nn.BatchNorm2d(wide_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class PreActivationBlock(nn.Module):
    """BN-ReLU-conv twice with a shortcut (He et al. 2016b, arXiv 1603.05027)."""

    def __init__(self, wide_in: int, wide_out: int, *, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(wide_in)
        self.conv1 = nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide_out)
        self.conv2 = nn.Conv2d(wide_out, wide_out, 3, padding=1, bias=False)
        self.widens = stride != 1 or wide_in != wide_out
        self.shortcut = nn.Sequential()
        if self.widens:
            self.shortcut = nn.Sequential(nn.Conv2d(wide_in, wide_out, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        active = F.relu(self.bn1(x))
        inner = self.conv1(active)
        kept: Tensor = self.shortcut(active if self.widens else x)
        out: Tensor = self.conv2(F.relu(self.bn2(inner)))
        return out + kept


class ResNet18(nn.Module):
    """ResNet-18 for small images: stages of 64, 128, 256, 512 maps, two blocks each."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
        self.stages = nn.Sequential(
            *(nn.Sequential(BasicBlock(a, b, stride=stride), BasicBlock(b, b, stride=1)) for a, b, stride in widths)
        )
        self.linear = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = self.stages(F.relu(self.bn1(self.conv1(x))))
        logits: Tensor = self.linear(F.adaptive_avg_pool2d(maps, 1).flatten(1))
        return logits


class ResNetC20(nn.Module):
    """The pre-activation CIFAR ResNet-20: stages of 16, 32, 64 maps, three blocks each, 0.27 M parameters."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    PreActivationBlock(a, b, stride=stride),
                    PreActivationBlock(b, b, stride=1),
                    PreActivationBlock(b, b, stride=1),
                )
                for a, b, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2))
            )
        )
        self.bn = nn.BatchNorm2d(64)
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = F.relu(self.bn(self.stages(self.conv1(x))))
        logits: Tensor = self.linear(F.adaptive_avg_pool2d(maps, 1).flatten(1))
        return logits
