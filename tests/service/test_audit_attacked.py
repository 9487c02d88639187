"""Five hundred attacks on the audit log with full access to the database and no key: each is found, at its first row."""

import random
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from sdb_service.audit import chain

pytestmark = pytest.mark.trust

ROWS = 300
EACH = 100
Row = dict[str, Any]


@dataclass
class Log:
    """The rows of a log and its head, as an attacker holds them in a copy."""

    rows: list[Row]
    head: Row
    forger: random.Random

    def rehashed(self, start: int) -> None:
        """Renumber and link all rows from `start` on anew, with the hash that needs no key."""
        for index in range(start, len(self.rows)):
            row = self.rows[index]
            row["number"] = index + 1
            row["previous_hash"] = self.rows[index - 1]["hash"] if index else chain.GENESIS
            row["hash"] = chain.digest(SimpleNamespace(**row | {"version": chain.PLAIN}))

    def relinked(self, start: int) -> None:
        """Renumber and link, and leave the hashes, which cannot be made."""
        for index in range(start, len(self.rows)):
            self.rows[index]["number"] = index + 1
            self.rows[index]["previous_hash"] = self.rows[index - 1]["hash"] if index else chain.GENESIS
