"""The method: keys, losses, wrapping, distillation and evidence (Safe Distillation Box, arXiv 2112.03695)."""

__version__ = "0.1.0"
