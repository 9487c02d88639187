"""Networks by name, `sdb:NAME` (ours), `torchvision:NAME`, `timm:NAME`, or as a file: [B, C, H, W] to logits [B, K]."""

from sdb_core.nets.program import read_program
from sdb_core.nets.registry import PROGRAM, Architecture, build, names

__all__ = ["PROGRAM", "Architecture", "build", "names", "read_program"]
