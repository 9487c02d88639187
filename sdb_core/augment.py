"""Random shifts and flips of stored pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def augmented(pixels: Tensor, *, kind: str, generator: torch.Generator) -> Tensor:
    """Shift each image of uint8 [B, C, H, W] by up to an eighth of its size (zeros come in); "shift-flip" also flips.

    Every image has its own draw from `generator` (a CPU generator, whatever the images' device).
    """
    count, _, height, width = pixels.shape
    reach_y, reach_x = max(height // 8, 1), max(width // 8, 1)
    down = torch.randint(0, 2 * reach_y + 1, (count, 1), generator=generator)
    right = torch.randint(0, 2 * reach_x + 1, (count, 1), generator=generator)
    flip = torch.rand((count, 1), generator=generator) < 0.5
    rows = (torch.arange(height) + down).to(pixels.device)  # [B, H]
    columns = torch.arange(width).expand(count, -1)
    if kind == "shift-flip":
        columns = torch.where(flip, width - 1 - columns, columns)
    columns = (columns + right).to(pixels.device)  # [B, W]
    padded = F.pad(pixels, (reach_x, reach_x, reach_y, reach_y))
    image = torch.arange(count, device=pixels.device).view(-1, 1, 1)
    picked = padded.permute(0, 2, 3, 1)[image, rows.unsqueeze(2), columns.unsqueeze(1)]  # [B, H, W, C]
    return picked.permute(0, 3, 1, 2)
