"""From stored pixels to the inputs a net reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from sdb_core.keys import check_normalisation


@dataclass(frozen=True)
class Normalisation:
    """(pixels / 255 - mean) / std, `mean` and `std` for pixels in [0, 1], one value for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        check_normalisation(self.mean, self.std, channels=len(self.mean))

    @staticmethod
    def of(mean: Sequence[float], std: Sequence[float]) -> "Normalisation":
        """Make one of any two sequences."""
        return Normalisation(mean=tuple(mean), std=tuple(std))

    @staticmethod
    def measured(images: Tensor) -> "Normalisation":
        """The mean and deviation of each channel of uint8 `images` [N, C, H, W], to four digits."""
        channels = images.permute(1, 0, 2, 3).flatten(1).float().div(255.0)  # [C, N * H * W]
        std, mean = torch.std_mean(channels, dim=1)
        return Normalisation(
            tuple(round(value, 4) for value in mean.tolist()),
            tuple(round(max(value, 1e-3), 4) for value in std.tolist()),
        )

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float32 [B, C, H, W] on the same device."""
        shift, scale = channel_scales(self.mean, self.std, pixels.device)
        return pixels.float().div_(255.0).sub_(shift).div_(scale)


@lru_cache(maxsize=64)
def channel_scales(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """`mean` and `std` as float32 [1, C, 1, 1] on `device`, made once: a copy to a GPU waits for its queued work."""
    with torch.inference_mode(False):
        shift, scale = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (mean, std))
    return shift, scale
