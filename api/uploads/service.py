"""Receiving files in parts: streamed to the store, each part and the whole checked by SHA-256."""

import hashlib
from collections.abc import Iterator

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.uploads import queries, schemas
from sdb_service import clock, lifecycle, quotas
from sdb_service.errors import Conflict, Invalid, TooLarge
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.quotas import freeing
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Upload, UploadPart

_ADDRESSES = 100


def begin(session: Session, caller: Caller, wanted: schemas.NewUpload, *, runtime: Runtime) -> Upload:
    """Open an upload, which reserves its whole size. Raises `TooLarge` or `QuotaExceeded` before a byte is sent."""
    limit = runtime.settings.max_upload_bytes
    if wanted.size > limit:
        raise TooLarge(
            "upload_too_large", f"The file has {wanted.size} bytes and the limit is {limit}; send a smaller one."
        )
    asked = {"stored_bytes": wanted.size, "uploads": 1, "open_uploads": 1}
    quotas.reserve(session, caller.account_id, asked, settings=runtime.settings)
    upload_id = new_id("upl")
    key = f"uploads/{upload_id}/content"
    upload = Upload(
        id=upload_id,
        account_id=caller.account_id,
        created_at=clock.now(),
        filename=wanted.filename,
        size=wanted.size,
        sha256=wanted.sha256,
        part_bytes=runtime.settings.part_bytes,
        state="open",
        storage_key=key,
        multipart_ref=runtime.storage.begin_parts(key),
    )
    session.add(upload)
    session.flush()
    return upload


def expected_size(upload: Upload, number: int) -> int:
    """How many bytes part `number` (from 1) must have. Raises `Invalid` where there is no such part."""
    count = parts_expected(upload)
    if not 1 <= number <= count:
        raise Invalid("part_number_invalid", f"The upload has parts 1 to {count}; there is no part {number}.")
    return upload.part_bytes if number < count else upload.size - upload.part_bytes * (count - 1)


def parts_expected(upload: Upload) -> int:
    return -(-upload.size // upload.part_bytes)


def note_part(session: Session, caller: Caller, upload_id: str, *, number: int, size: int, sha256: str) -> UploadPart:
    """Record a part that lies in the store; sent twice, the later one stands."""
    queries.open_upload(session, caller, upload_id, stays=True)
    part = session.merge(UploadPart(upload_id=upload_id, number=number, size=size, sha256=sha256))
    session.flush()
    return part


def join(upload: Upload, *, runtime: Runtime) -> str:
    """Join the parts and answer the SHA-256 of the whole: minutes for a large file, so in no transaction.

    Raises:
        Conflict: parts are missing; the message names them.
    """
    joined_before = runtime.storage.exists(upload.storage_key)  # by a call that broke off before it was recorded
    if not joined_before and (missing := missing_parts(upload, runtime)):
        raise Conflict("upload_parts_missing", f"Parts {missing[:20]} have not arrived; send them and complete again.")
    if not joined_before:
        runtime.storage.join_parts(upload.storage_key, upload.multipart_ref)
    return _digest(runtime.storage.read(upload.storage_key))


def finish(session: Session, caller: Caller, upload_id: str, *, found: str, runtime: Runtime) -> Upload:
    """Record the whole file, or, where its digest is wrong, leave the upload open for the parts to be sent again."""
    quotas.lock(session, queries.get_upload(session, caller, upload_id).account_id)
    session.expire_all()
    upload = queries.get_upload(session, caller, upload_id)  # again: under the lock nobody throws it away
    if upload.state == "complete":
        return upload
    if found != upload.sha256:
        runtime.storage.delete(upload.storage_key)
        upload.multipart_ref = runtime.storage.begin_parts(upload.storage_key)
        _forget_parts(session, upload_id)
        return upload
    lifecycle.complete_upload(session, upload_id)
    session.refresh(upload)
    record_act(session, caller, "upload.complete", upload.id, owner=upload.account_id, detail={"sha256": found})
    return upload


def require_verified(upload: Upload) -> None:
    """Raises `Invalid` where `finish` found another digest than was announced."""
    if upload.state != "complete":
        raise Invalid(
            "sha256_mismatch",
            "The file that arrived has another SHA-256 than was announced, so it was dropped; send all parts again.",
        )


def discard(session: Session, caller: Caller, upload_id: str, *, runtime: Runtime) -> None:
    """Throw an upload away, and give its room back.

    Raises:
        Conflict: a model or dataset stands on it, or a job under way.
    """
    upload = queries.get_upload(session, caller, upload_id)
    if freeing.abandon(session, upload.account_id, upload.id, runtime=runtime):
        return
    if not freeing.free_unused(session, upload.account_id, upload.id, runtime=runtime):
        raise Conflict(
            "upload_in_use",
            "A model, a dataset or a job under way stands on this upload; delete or await those first.",
        )
    record_act(session, caller, "upload.delete", upload.id, owner=upload.account_id)


def missing_parts(upload: Upload, runtime: Runtime) -> list[int]:
    """Numbers of the parts that have not arrived whole."""
    arrived = runtime.storage.parts(upload.storage_key, upload.multipart_ref)
    numbers = range(1, parts_expected(upload) + 1)
    return [number for number in numbers if arrived.get(number) != expected_size(upload, number)]


def shown(session: Session, upload: Upload, *, runtime: Runtime) -> schemas.Upload:
    """The upload as HTTP shows it, with the addresses of the parts still missing."""
    missing = missing_parts(upload, runtime) if upload.state == "open" else []
    known = {part.number: part.sha256 for part in queries.received_parts(session, upload.id)}
    arrived = [number for number in range(1, parts_expected(upload) + 1) if number not in missing]
    return schemas.Upload(
        id=upload.id,
        filename=upload.filename,
        size=upload.size,
        sha256=upload.sha256,
        state=upload.state,
        part_bytes=upload.part_bytes,
        parts_expected=parts_expected(upload),
        parts=[schemas.Part(number=n, size=expected_size(upload, n), sha256=known.get(n)) for n in arrived],
        addresses=[_address(upload, number, runtime) for number in missing[:_ADDRESSES]],
        created_at=upload.created_at,
    )


def _address(upload: Upload, number: int, runtime: Runtime) -> schemas.Address:
    elsewhere = runtime.storage.part_address(upload.storage_key, upload.multipart_ref, number)
    return schemas.Address(number=number, url=elsewhere or f"/v1/uploads/{upload.id}/parts/{number}")


def _forget_parts(session: Session, upload_id: str) -> None:
    session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))


def _digest(chunks: Iterator[bytes]) -> str:
    whole = hashlib.sha256()
    for chunk in chunks:
        whole.update(chunk)
    return whole.hexdigest()
