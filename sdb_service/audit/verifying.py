"""Walking the audit log: the first row that does not fit, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, select, true
from sqlalchemy.orm import Session

from sdb_service.audit.chain import GENESIS, KEYED, digest, proof_of
from sdb_service.db import audit_key
from sdb_service.secret import Secret
from sdb_service.tables.audit import AuditEvent, AuditHead

_EVENT = tuple(column for column in AuditEvent.__table__.columns)
_HEAD = (
    AuditHead.number.label("written"),
    AuditHead.hash.label("last"),
    AuditHead.keyed_from.label("keyed_from"),
    AuditHead.proof.label("proof"),
)
_EVERY = 10_000
_RESTORED = "if a backup was restored, say so with: sdb admin reconcile --accept"


class Flaw(NamedTuple):
    """The first row that does not fit, and why."""

    number: int
    why: str


@dataclass
class _Walk:
    """Where the walk stands: the row reached, what the next one must follow."""

    key: Secret
    known: Mapping[int, frozenset[str]]  # hashes that signed heads vouch for, by number
    keyed_by: int | None  # no row from here on is without the key
    number: int = 0
    hash: str = GENESIS
    keyed_from: int | None = None
    proof: str = ""

    def step(self, row: Row[Any]) -> str | None:
        """Go on to `row`; why it does not fit, or None where it does."""
        number = self.number + 1
        if row.number != number:
            return f"row {number} is missing; the next one found is {row.number}"
        if row.previous_hash != self.hash:
            return f"row {number} does not follow the row before it"
        if row.version != KEYED and self._keyed_before(number):
            return f"row {number} is not under the audit key, as rows have been since before"
        if row.hash != digest(row, key=self.key, proof=self.proof):
            return f"row {number} was changed after it was written, or follows an end that was not the log's"
        if number in self.known and self.known[number] != {row.hash}:
            return f"row {number} is not the one that a signed head in storage names ({_RESTORED})"
        self.number, self.hash = number, row.hash
        if row.version == KEYED:
            self.keyed_from = self.keyed_from or number
            self.proof = proof_of(number, row.hash, self.keyed_from, key=self.key)
        return None

    def _keyed_before(self, number: int) -> bool:
        return self.keyed_from is not None or (self.keyed_by is not None and number >= self.keyed_by)


def first_bad_row(
    session: Session,
    *,
    known: Mapping[int, frozenset[str]] | None = None,
    keyed_by: int | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Flaw | None:
    """Walk the chain to its end; the first row that does not fit and why, or None where all fit.

    `known` are hashes by row number and `keyed_by` the first row under the audit key, as signed heads name them
    (see `heads`). `tell` hears now and then how many rows are done, and of how many.
    """
    walk = _Walk(audit_key(session), known or {}, keyed_by)
    head: Row[Any] | None = None
    for row in _in_order(session):
        head = row
        if row.id is None:
            break
        why = walk.step(row)
        if why is not None:
            return Flaw(walk.number + 1, why)
        if walk.number > row.written:
            return Flaw(walk.number, f"it was added beside the log, in which {row.written} rows were written")
        if tell is not None and walk.number % _EVERY == 0:
            tell(walk.number, row.written)
    why = _wrong_end(walk, head)
    return Flaw(walk.number + 1, f"the log ends at row {walk.number}, but {why}") if why else None


def _wrong_end(walk: _Walk, head: Row[Any] | None) -> str | None:
    """Why the log cannot end where the walk did; None where it can."""
    if head is None:
        return "its head is gone"
    if (head.written, head.last) != (walk.number, walk.hash):
        return f"{head.written} rows were written"
    if ((head.proof or ""), head.keyed_from) != (walk.proof, walk.keyed_from):
        return "its head carries no proof that this is the end"
    beyond = [number for number in walk.known if number > walk.number]
    return f"a signed head in storage names row {max(beyond)} ({_RESTORED})" if beyond else None


def _in_order(session: Session) -> Iterator[Row[Any]]:
    """Every event with the head: in one statement, so that both are of one moment while others append."""
    statement = select(*_EVENT, *_HEAD).select_from(AuditHead)
    statement = statement.join(AuditEvent, true(), isouter=True).order_by(AuditEvent.number)
    rows: Iterable[Any] = session.execute(statement).yield_per(1000)
    yield from rows
