"""Networks by name, from float32 [B, C, H, W] to logits [B, K]: `sdb:NAME` (ours), `torchvision:NAME`, `timm:NAME`."""

from sdb_core.nets.registry import Architecture, build, names

__all__ = ["Architecture", "build", "names"]
