"""Restored backups: what was taken away stays taken away when the database is set back to an older point."""

from sdb_service.restoring.keeper import Keeper
from sdb_service.restoring.reconciling import Found, accept, reconcile
from sdb_service.restoring.tombstones import Tombstones

__all__ = ["Found", "Keeper", "Tombstones", "accept", "reconcile"]
