"""ShuffleNetV2 1x for small images: a 3x3 stem and three halvings (Ma et al. 2018, arXiv 1807.11164)."""

import torch
from torch import Tensor, nn

from sdb_core.nets.blocks import averaged


class HalvingUnit(nn.Module):
    """Both branches read all maps and halve their sides; each answers one half of the maps."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        half = wide_out // 2
        self.residual = _branch(wide_in, half, stride=2)
        self.shortcut = nn.Sequential(*_filtered(wide_in, stride=2), *_activated(wide_in, half))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H / 2, W / 2]."""
        return _shuffled(self.shortcut(x), self.residual(x))


class SplitUnit(nn.Module):
    """One half of the maps passes through, the other is worked on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual = _branch(width // 2, width // 2, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        passing, worked = x.chunk(2, dim=1)
        return _shuffled(passing, self.residual(worked))


class ShuffleNetV2(nn.Module):
    """Stages of 116, 232, 464 maps with 4, 8, 4 units, then 1024 maps; 1.3 M parameters."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.pre = nn.Sequential(nn.Conv2d(channels, 24, 3, padding=1), nn.BatchNorm2d(24))
        self.stage2 = _stage(4, 24, 116)
        self.stage3 = _stage(8, 116, 232)
        self.stage4 = _stage(4, 232, 464)
        self.conv5 = nn.Sequential(*_activated(464, 1024))
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = self.stage4(self.stage3(self.stage2(self.pre(x))))
        logits: Tensor = self.fc(averaged(self.conv5(maps)))
        return logits


def _stage(units: int, wide_in: int, wide_out: int) -> nn.Sequential:
    return nn.Sequential(HalvingUnit(wide_in, wide_out), *(SplitUnit(wide_out) for _ in range(units - 1)))


def _branch(wide_in: int, wide_out: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *_activated(wide_in, wide_in), *_filtered(wide_in, stride=stride), *_activated(wide_in, wide_out)
    )


def _activated(wide_in: int, wide_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(wide_in, wide_out, 1), nn.BatchNorm2d(wide_out), nn.ReLU(inplace=True)


def _filtered(width: int, *, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=width), nn.BatchNorm2d(width)


def _shuffled(left: Tensor, right: Tensor) -> Tensor:
    """The maps of both halves in turn: [B, C/2, H, W] twice -> [B, C, H, W]."""
    return torch.stack((left, right), dim=2).flatten(1, 2)
