"""MobileNetV2 for small images: a 1x1 stem and three halvings (Sandler et al. 2018, arXiv 1801.04381)."""

from torch import Tensor, nn

from sdb_core.nets.blocks import averaged


class InvertedResidual(nn.Module):
    """Widen by `growth`, filter each map, project; a shortcut where the shape stays."""

    def __init__(self, wide_in: int, wide_out: int, *, stride: int, growth: int) -> None:
        super().__init__()
        inner = wide_in * growth
        self.residual = nn.Sequential(
            *_activated(nn.Conv2d(wide_in, inner, 1)),
            *_activated(nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner)),
            nn.Conv2d(inner, wide_out, 1),
            nn.BatchNorm2d(wide_out),
        )
        self.keeps_shape = stride == 1 and wide_in == wide_out

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        out: Tensor = self.residual(x)
        return out + x if self.keeps_shape else out


class MobileNetV2(nn.Module):
    """Seven stages of 16 to 320 maps, 2.3 M parameters; the classifier is a 1x1 convolution."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.pre = nn.Sequential(*_activated(nn.Conv2d(channels, 32, 1, padding=1)))
        self.stage1 = InvertedResidual(32, 16, stride=1, growth=1)
        self.stage2 = _stage(2, 16, 24, stride=2)
        self.stage3 = _stage(3, 24, 32, stride=2)
        self.stage4 = _stage(4, 32, 64, stride=2)
        self.stage5 = _stage(3, 64, 96, stride=1)
        self.stage6 = _stage(3, 96, 160, stride=1)
        self.stage7 = InvertedResidual(160, 320, stride=1, growth=6)
        self.conv1 = nn.Sequential(*_activated(nn.Conv2d(320, 1280, 1)))
        self.conv2 = nn.Conv2d(1280, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = self.stage3(self.stage2(self.stage1(self.pre(x))))
        maps = self.stage7(self.stage6(self.stage5(self.stage4(maps))))
        pooled = averaged(self.conv1(maps))  # [B, 1280]
        logits: Tensor = self.conv2(pooled[:, :, None, None])
        return logits.flatten(1)


def _stage(blocks: int, wide_in: int, wide_out: int, *, stride: int) -> nn.Sequential:
    later = (InvertedResidual(wide_out, wide_out, stride=1, growth=6) for _ in range(blocks - 1))
    return nn.Sequential(InvertedResidual(wide_in, wide_out, stride=stride, growth=6), *later)


def _activated(conv: nn.Conv2d) -> tuple[nn.Module, ...]:
    return conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU6(inplace=True)
