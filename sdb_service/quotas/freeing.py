"""Deleting bytes that nothing stands on: at once where somebody asks, else by the sweeper.

First the row says `freeing`, then the bytes go, then the row. Whatever breaks off in between, the sweeper finds the row
and deletes again; until the bytes are gone, they count.
"""

import logging

from sqlalchemy import Select, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from sdb_service import clock, lifecycle
from sdb_service.db import after_commit
from sdb_service.lifecycle.uploads import stands
from sdb_service.quotas.room import lock
from sdb_service.recording import record_act
from sdb_service.runtime import Ground
from sdb_service.storage import STORE_FAILURES
from sdb_service.tables import Dataset, IdempotentAnswer, LoginLink, Model, Upload

log = logging.getLogger(__name__)

_AT_ONCE = 500


def free_unused(session: Session, account_id: str, upload_id: str, *, runtime: Ground) -> bool:
    """Delete the file of a complete upload if nothing stands on it. The caller has flushed what it changed."""
    lock(session, account_id)
    if not lifecycle.free_upload(session, upload_id):
        return False
    after_commit(session, lambda: delete_bytes(runtime, upload_id))
    return True


def abandon(session: Session, account_id: str, upload_id: str, *, runtime: Ground) -> bool:
    """Give up an unfinished upload and delete its parts; False where it is not open any more."""
    lock(session, account_id)
    if not lifecycle.abandon_upload(session, upload_id):
        return False
    after_commit(session, lambda: delete_bytes(runtime, upload_id))
    return True


def delete_bytes(runtime: Ground, upload_id: str) -> None:
    """Delete what an upload that is `freeing` has in the store, then its row; safe to call twice.

    A store that is away is no error: the row waits for the sweeper.
    """
    with runtime.database.reading() as session:
        upload = session.get(Upload, upload_id)
    if upload is None or upload.state != "freeing":
        return
    try:
        if upload.completed_at is None:
            runtime.storage.drop_parts(upload.storage_key, upload.multipart_ref)
        runtime.storage.delete(upload.storage_key)
    except STORE_FAILURES:
        log.warning("a file could not be deleted yet", extra={"id": upload_id}, exc_info=True)
        return
    with runtime.database.transaction() as session:
        lifecycle.forget_upload(session, upload_id)


def sweep_storage(runtime: Ground) -> list[str]:
    """Give up what was abandoned, and finish deletions that broke off; the ids of the uploads that went."""
    with runtime.database.reading() as session:
        stale = [(row.account_id, row.id) for row in session.execute(_stale(runtime))]
    for account_id, upload_id in stale:
        with runtime.database.transaction() as session:
            lock(session, account_id)
            if lifecycle.abandon_upload(session, upload_id) or lifecycle.free_upload(session, upload_id):
                record_act(session, None, "upload.expire", upload_id, owner=account_id)
    with runtime.database.reading() as session:
        freeing = session.execute(select(Upload.id).where(Upload.state == "freeing").limit(_AT_ONCE)).scalars().all()
    for upload_id in freeing:
        delete_bytes(runtime, upload_id)
    return list(freeing)


def sweep_rows(runtime: Ground) -> None:
    """Delete rows that mean nothing any more: answers for repeated requests, login links."""
    with runtime.database.transaction() as session:
        kept_since = clock.after(-runtime.settings.idempotency_seconds)
        session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < kept_since))
        session.execute(delete(LoginLink).where(LoginLink.expires_at < clock.after(-24 * 3600)))


def _stale(runtime: Ground) -> Select[str, str]:
    """Unfinished for too long; or finished, and nothing stands on it: deleted since, or never used in that time."""
    too_old = clock.after(-runtime.settings.upload_seconds)
    left = or_(
        exists(select(Model.id).where(Model.upload_id == Upload.id)),
        exists(select(Dataset.id).where(Dataset.upload_id == Upload.id)),
        Upload.completed_at < too_old,
    )
    statement = select(Upload.account_id, Upload.id).where(
        or_(
            and_(Upload.state == "open", Upload.created_at < too_old),
            and_(Upload.state == "complete", left, ~stands()),
        )
    )
    return statement.limit(_AT_ONCE)
