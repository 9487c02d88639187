"""What is finished, on disk: one JSON file, whole or absent."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sdb_core.files import write_atomically

SOUND, COLLAPSED, DIVERGED = "sound", "collapsed", "diverged"


@dataclass(frozen=True)
class Record:
    """One finished training or judgement: a test accuracy [percent], or None where there is nothing to judge.

    `seconds` passed on the clock, `processor_seconds` were had of the processor: less, where others use it too.
    `outcome`: SOUND, COLLAPSED (a box that lost its accuracy, and what came of it), DIVERGED (no finite weights).
    """

    kind: str
    value: float | None
    outcome: str
    seconds: float
    processor_seconds: float
    code: str
    device: str
    why: str = ""


class Ledger:
    """Records by their digests. A damaged file costs the cells, never the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        if path.is_file():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                self.records = {digest: Record(**record) for digest, record in kept.items()}
            except (ValueError, TypeError, AttributeError):
                self.records = {}

    def add(self, digest: str, record: Record) -> Record:
        """Keep a record."""
        self.records[digest] = record
        plain = {name: asdict(one) for name, one in self.records.items()}
        write_atomically(self.path, json.dumps(plain, indent=0).encode())
        return record
