"""What an account uses, has reserved and may use."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdb_client.http import Wire, path, read_json
from sdb_client.shapes import from_json


@dataclass(frozen=True)
class ResourceUse:
    """One thing that is counted; `reserved` is promised to uploads and jobs under way."""

    resource: str
    used: int
    reserved: int
    limit: int
    is_default: bool = True


@dataclass(frozen=True)
class Usage:
    """All that is counted of one account."""

    account_id: str
    quotas: tuple[ResourceUse, ...]

    def of(self, resource: str) -> ResourceUse:
        """The use of one resource, such as `stored_bytes`. Raises KeyError where there is none of this name."""
        for found in self.quotas:
            if found.resource == resource:
                return found
        raise KeyError(resource)


class Quotas:
    """`client.quotas`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def mine(self) -> Usage:
        return from_json(Usage, self._wire.get("/v1/usage"))

    def get(self, account_id: str) -> Usage:
        """Those of an account: your own, or, for an admin, anybody's."""
        return from_json(Usage, self._wire.get(path("v1", "accounts", account_id, "quotas")))

    def choose(self, account_id: str, limits: Mapping[str, int | None]) -> Usage:
        """Hold an account to other limits; None goes back to the service's own. Only an admin may."""
        where = path("v1", "accounts", account_id, "quotas")
        return from_json(Usage, read_json(self._wire.send("PATCH", where, json=dict(limits))))
