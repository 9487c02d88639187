"""What an account may use: room is reserved before anything is begun, and use is always the sum of the rows.

There are no counters beside the rows that could come to differ from them: a job that ends in any way, or an upload
that is swept, has given back what it held by the same statement that ended it.
"""

from sdb_service.quotas.resources import BY_NAME, RESOURCES, Resource, Use
from sdb_service.quotas.room import Standing, choose_limits, lock, require_room, reserve, standings

__all__ = [
    "BY_NAME",
    "RESOURCES",
    "Resource",
    "Standing",
    "Use",
    "choose_limits",
    "lock",
    "require_room",
    "reserve",
    "standings",
]
