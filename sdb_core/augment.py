"""Random shifts and flips of stored pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def augmented(pixels: Tensor, *, kind: str, generator: torch.Generator) -> Tensor:
    """Shift each image of uint8 [B, C, H, W] by up to an eighth of its size (zeros come in); "shift-flip" also flips.

    Every image has its own draw from `generator` (a CPU generator, whatever the images' device).
    """
    return moved(pixels, drawn_places(len(pixels), size=tuple(pixels.shape[2:]), kind=kind, generator=generator))


def drawn_places(count: int, *, size: tuple[int, ...], kind: str, generator: torch.Generator) -> Tensor:
    """Draw for `count` images of `size` (height, width) where each row and column comes from in the padded image.

    int64 [B, H + W] on the CPU.
    """
    height, width = size
    down, right = (torch.randint(0, 2 * _reach(side) + 1, (count, 1), generator=generator) for side in size)
    flip = torch.rand((count, 1), generator=generator) < 0.5
    columns = torch.arange(width).expand(count, -1)
    if kind == "shift-flip":
        columns = torch.where(flip, width - 1 - columns, columns)
    return torch.cat([torch.arange(height) + down, columns + right], dim=1)


def moved(pixels: Tensor, places: Tensor) -> Tensor:
    """uint8 [B, C, H, W] with rows and columns from `places` [B, H + W]; a GPU gets these without being waited for."""
    if pixels.device.type == "cuda":
        places = places.pin_memory().to(pixels.device, non_blocking=True)
    height, width = pixels.shape[2:]
    rows, columns = torch.split(places, [height, width], dim=1)  # [B, H], [B, W]
    padded = F.pad(pixels, (_reach(width), _reach(width), _reach(height), _reach(height)))
    image = torch.arange(len(pixels), device=pixels.device).view(-1, 1, 1)
    picked = padded.permute(0, 2, 3, 1)[image, rows.unsqueeze(2), columns.unsqueeze(1)]  # [B, H, W, C]
    return picked.permute(0, 3, 1, 2)


def _reach(side: int) -> int:
    return max(side // 8, 1)
