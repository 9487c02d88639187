"""Random shifts and flips of stored pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def augmented(pixels: Tensor, *, kind: str, generator: torch.Generator) -> Tensor:
    """Shift each image of uint8 [B, C, H, W] by up to an eighth of its size (zeros come in); "shift-flip" also flips.

    Every image has its own draw from `generator` (a CPU generator, whatever the images' device).
    """
    return moved(pixels, drawn_moves(len(pixels), size=tuple(pixels.shape[2:]), kind=kind, generator=generator))


def drawn_moves(count: int, *, size: tuple[int, ...], kind: str, generator: torch.Generator) -> Tensor:
    """For each of `count` images of (height, width): shift down, shift right, mirrored or not. int64 [3, B], CPU."""
    down, right = (torch.randint(0, 2 * _reach(side) + 1, (count, 1), generator=generator) for side in size)
    flip = torch.rand((count, 1), generator=generator) < 0.5
    return torch.cat([down, right, flip if kind == "shift-flip" else torch.zeros_like(flip)], dim=1).T.contiguous()


def moved(pixels: Tensor, moves: Tensor) -> Tensor:
    """uint8 [B, C, H, W] under `moves` [3, B], which are copied to the pixels' device without waiting for it."""
    if pixels.device.type == "cuda" and moves.device.type == "cpu":
        moves = moves.pin_memory().to(pixels.device, non_blocking=True)
    height, width = pixels.shape[2:]
    down, right, flip = moves.unsqueeze(2)  # [B, 1] each
    rows = torch.arange(height, device=moves.device) + down  # [B, H]
    columns = torch.arange(width, device=moves.device) * (1 - 2 * flip) + (width - 1) * flip + right  # [B, W]
    padded = F.pad(pixels, (_reach(width), _reach(width), _reach(height), _reach(height)))
    image = torch.arange(len(pixels), device=pixels.device).view(-1, 1, 1)
    picked = padded.permute(0, 2, 3, 1)[image, rows.unsqueeze(2), columns.unsqueeze(1)]  # [B, H, W, C]
    return picked.permute(0, 3, 1, 2)


def _reach(side: int) -> int:
    return max(side // 8, 1)
