"""The plain convolutional nets: the papers' and three smaller ones of our own, seconds to train on a CPU."""

import torch.nn.functional as F
from torch import Tensor, nn


class PlainCnn(nn.Module):
    """The papers' plain CNN: 32 - 64 - 128 maps, each stage halved, then 128 hidden units.

    The last maps are averaged to 4x4, which they have at 32x32 pixels: the weights fit every size.
    """

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(128)
        self.fc1 = nn.Linear(128 * 16, 128)
        self.fcbn1 = nn.BatchNorm1d(128)
        self.fc2 = nn.Linear(128, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        maps = _halved(self.bn1(self.conv1(x)))
        maps = _halved(self.bn2(self.conv2(maps)))
        maps = _halved(self.bn3(self.conv3(maps)))
        pooled = F.adaptive_avg_pool2d(maps, 4)  # [B, 128, 4, 4]
        hidden = F.relu(self.fcbn1(self.fc1(pooled.flatten(1))))
        logits: Tensor = self.fc2(hidden)
        return logits


class CnnMini(nn.Module):
    """conv 16 - conv 32 / 2 - conv 64 / 2 - a 2x2 average - linear. Works from 4x4 inputs up."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_stage(channels, 16),
            *_stage(16, 32),
            nn.MaxPool2d(2),
            *_stage(32, 64),
            nn.MaxPool2d(2),
        )
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Linear(64 * 4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        pooled = self.pool(self.features(x))  # [B, 64, 2, 2]
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


class CnnSmall(nn.Module):
    """conv 8 - conv 16 / 2 - conv 32 - the average over all places - linear: 6,000 parameters, a cheap student."""

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*_stage(channels, 8), *_stage(8, 16), nn.MaxPool2d(2), *_stage(16, 32))
        self.classifier = nn.Linear(32, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return logits


class CnnStrided(nn.Module):
    """conv 16 by steps of two - conv 32 / 2 - conv 64 - the average over all places - linear: for photographs.

    24,000 parameters and a tenth of the plain CNN's work at 32x32 pixels; wants inputs of 4x4 and up.
    """

    def __init__(self, num_classes: int, *, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_stage(channels, 16, stride=2), *_stage(16, 32), nn.MaxPool2d(2), *_stage(32, 64)
        )
        self.classifier = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return logits


def _stage(wide_in: int, wide_out: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(wide_in, wide_out, 3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(wide_out), nn.ReLU(inplace=True)


def _halved(maps: Tensor) -> Tensor:
    return F.relu(F.max_pool2d(maps, 2))
