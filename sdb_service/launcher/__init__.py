"""Running the service on one machine: `Launcher` for programs, `python -m sdb_service.launcher` for people."""

from sdb_service.launcher.node import EVERYTHING, WORKERS, Launcher, Urls

__all__ = ["EVERYTHING", "WORKERS", "Launcher", "Urls"]
