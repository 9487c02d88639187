"""Bringing the database back in line with what storage knows was taken away."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sdb_service import audit, clock
from sdb_service.audit import heads
from sdb_service.audit.heads import Head
from sdb_service.db import Database
from sdb_service.restoring.kinds import KINDS, Kind
from sdb_service.restoring.tombstones import Tombstones
from sdb_service.signing import SigningKey
from sdb_service.tables import AuditEvent, DashboardSession, LoginLink

log = logging.getLogger(__name__)

_AT_ONCE = 500


@dataclass
class Found:
    """What one reconciling did: heads that the log no longer has, objects taken away again, by kind and id."""

    lost: list[Head] = field(default_factory=list)
    again: list[tuple[str, str]] = field(default_factory=list)
    written: int = 0
    forged: int = 0


def reconcile(database: Database, tombstones: Tombstones, signing: SigningKey) -> Found:
    """Take away again what the database has forgotten was taken away, in one transaction with its audit rows.

    Where the log is older than a signed head, all sessions and login links end as well: who was put out since may
    hold one. What the database knows and storage does not is written to storage. Twice does what once does.
    """
    found = Found()
    kept = {kind.name: tombstones.ids(kind.name) for kind in KINDS}
    signed = heads.all_heads(tombstones.storage, public_key=signing.public_key_text, strict=False)
    with database.reading() as session:
        told = _told(session)
        found.lost = [head for head in _lost(session, signed) if (head.number, head.hash) not in told]
        forgotten = {
            kind.name: _genuine(tombstones, kind, _open(session, kind, kept[kind.name]), found) for kind in KINDS
        }
        missing = {kind.name: _taken(session, kind) - kept[kind.name] for kind in KINDS}
    if found.lost or any(forgotten.values()):
        with database.transaction() as session:
            _apply(session, forgotten, found)
    for head in found.lost:
        heads.keep_lost(tombstones.storage, head, signing=signing)
    for kind_name, ids in missing.items():
        for object_id in sorted(ids):
            tombstones.leave(kind_name, object_id)
            found.written += 1
    return found


def accept(database: Database, tombstones: Tombstones, signing: SigningKey) -> list[Head]:
    """Record that the operator knows the log was set back: the heads lost by it no longer count against the log."""
    signed = heads.all_heads(tombstones.storage, public_key=signing.public_key_text)
    with database.transaction() as session:
        known = heads.accepted(session)
        lost = [head for head in _lost(session, signed) if (head.number, head.hash) not in known]
        if lost:
            _note(session, heads.ACCEPTED, lost)
    return lost


def _apply(session: Session, forgotten: dict[str, list[str]], found: Found) -> None:
    now, again = clock.now(), []
    for kind in KINDS:  # all rows before the first audit row: its lock is taken last by everybody
        for some in _batches(forgotten[kind.name]):
            statement = update(kind.table).where(kind.table.id.in_(some), ~kind.taken).values(**kind.values(now))
            rows = session.execute(statement.returning(kind.table.id, kind.owner)).all()
            again += [(kind, object_id, owner) for object_id, owner in rows]
    if found.lost:
        session.execute(update(DashboardSession).where(DashboardSession.expires_at > now).values(expires_at=now))
        session.execute(update(LoginLink).where(LoginLink.used_at.is_(None)).values(used_at=now))
        _note(session, "restored.found", found.lost)
    for kind, object_id, owner in again:
        found.again.append((kind.name, object_id))
        audit.record(
            session,
            "restored.reapply",
            actor_id=None,
            account_id=owner,
            object_type=kind.name,
            object_id=object_id,
            detail={"action": kind.action},
        )
    log.warning("the database was behind storage", extra={"lost": len(found.lost), "again": len(again)})


def _note(session: Session, action: str, lost: Sequence[Head]) -> None:
    detail = {"lost": [[head.number, head.hash] for head in lost], "last_at": max(head.at for head in lost)}
    audit.record(
        session, action, actor_id=None, account_id=None, object_type="restored", object_id="audit", detail=detail
    )


def _lost(session: Session, signed: Sequence[Head]) -> list[Head]:
    """Heads that the log no longer has, each once."""
    by_row = {(head.number, head.hash): head for head in signed}
    return [head for head in by_row.values() if not heads.fits(session, head)]


def _told(session: Session) -> set[tuple[int, str]]:
    """Lost heads that an earlier reconciling has dealt with."""
    statement = select(AuditEvent.detail).where(AuditEvent.action == "restored.found")
    rows = session.execute(statement).scalars()
    return {(number, row_hash) for detail in rows for number, row_hash in detail.get("lost", [])}


def _open(session: Session, kind: Kind, ids: set[str]) -> list[str]:
    """Those of these objects that the database does not know as taken away."""
    found: list[str] = []
    for some in _batches(sorted(ids)):
        found += session.execute(select(kind.table.id).where(kind.table.id.in_(some), ~kind.taken)).scalars()
    return sorted(found)


def _taken(session: Session, kind: Kind) -> set[str]:
    return set(session.execute(select(kind.table.id).where(kind.taken)).scalars())


def _genuine(tombstones: Tombstones, kind: Kind, ids: Sequence[str], found: Found) -> list[str]:
    genuine = [object_id for object_id in ids if tombstones.is_genuine(kind.name, object_id)]
    if forged := len(ids) - len(genuine):
        log.error("tombstones that the service did not write", extra={"kind": kind.name, "number": forged})
        found.forged += forged
    return genuine


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, _AT_ONCE)):
        yield some
