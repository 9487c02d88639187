"""Networks by name: `sdb:NAME` (ours) and `torchvision:NAME`, from float32 [B, C, H, W] to logits [B, K]."""

from sdb_core.nets.registry import Architecture, build, names

__all__ = ["Architecture", "build", "names"]
