"""Attacks on a box: one file each, one objective each over the one training loop, measured against their floors."""

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.measuring import measure
from sdb_core.attacks.registry import PANEL, named, panel

__all__ = ["PANEL", "Attack", "Scene", "measure", "named", "panel"]
