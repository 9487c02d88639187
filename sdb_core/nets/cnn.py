"""The small convolutional nets: three 3x3 stages, seconds to train on a CPU."""

from torch import Tensor, nn


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


def _stage(wide_in: int, wide_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(wide_in, wide_out, 3, padding=1, bias=False), nn.BatchNorm2d(wide_out), nn.ReLU(inplace=True)
