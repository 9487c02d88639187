"""The audit log: a chain of rows under a key, so that who holds the database alone changes nothing unseen."""

from sdb_service.audit.chain import digest
from sdb_service.audit.verifying import Flaw, first_bad_row
from sdb_service.audit.writing import Outcome, record

__all__ = ["Flaw", "Outcome", "digest", "first_bad_row", "record"]
