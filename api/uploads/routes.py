"""`/v1/uploads`: a file in parts, resumable."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, status
from fastapi.concurrency import run_in_threadpool

from api.access import allow
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.uploads import queries, schemas, service
from api.uploads.receiving import receive_part
from sdb_service.errors import Conflict, NotFound
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime
from sdb_service.tables import Upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

_COUNTED_AS_IT_STREAMS = 2**62


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=allow("upload.begin"))
def begin_upload(
    body: schemas.NewUpload, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, once: OnceDep
) -> schemas.Upload:
    def begun() -> schemas.Upload:
        return service.shown(session, service.begin(session, caller, body, runtime=runtime), runtime=runtime)

    return once.answer(session, body, begun, schemas.Upload)


@router.get("/{upload_id}", dependencies=allow("upload.read"))
def get_upload(upload_id: str, caller: CallerDep, session: ReadSession, runtime: RuntimeDep) -> schemas.Upload:
    return service.shown(session, queries.get_upload(session, caller, upload_id), runtime=runtime)


@router.put("/{upload_id}/parts/{number}", max_body_size=_COUNTED_AS_IT_STREAMS, dependencies=allow("upload.send"))
async def put_part(
    upload_id: str,
    number: int,
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
    x_content_sha256: Annotated[str | None, Header(description="SHA-256 of this part, as hex.")] = None,
) -> schemas.Part:
    """The body is the bytes of the part. The sender is known before the first byte is read."""
    upload = await run_in_threadpool(_open_upload, runtime, caller, upload_id)
    if runtime.storage.part_address(upload.storage_key, upload.multipart_ref, number) is not None:
        raise Conflict("part_goes_elsewhere", "Send parts to the addresses that GET /v1/uploads/{id} lists.")
    size = service.expected_size(upload, number)
    try:
        received = await receive_part(
            request.stream(), runtime.storage, upload.storage_key, number=number, size=size, sha256=x_content_sha256
        )
        await run_in_threadpool(_note_part, runtime, caller, upload_id, number, received.size, received.sha256)
    except (NotFound, FileNotFoundError):  # thrown away while this part came
        await run_in_threadpool(runtime.storage.drop_parts, upload.storage_key, upload.multipart_ref)
        await run_in_threadpool(_open_upload, runtime, caller, upload_id)
        raise
    return schemas.Part(number=number, size=received.size, sha256=received.sha256)


@router.post("/{upload_id}/complete", dependencies=allow("upload.send"))
def complete_upload(upload_id: str, caller: CallerDep, runtime: RuntimeDep) -> schemas.Upload:
    """Join the parts and check the SHA-256 of the whole."""
    with runtime.database.reading() as session:
        upload = queries.get_upload(session, caller, upload_id)
    found = upload.sha256 if upload.state == "complete" else service.join(upload, runtime=runtime)
    try:
        with runtime.database.transaction() as session:
            upload = service.finish(session, caller, upload_id, found=found, runtime=runtime)
            answer = service.shown(session, upload, runtime=runtime)
    except NotFound:  # thrown away while it was joined
        runtime.storage.delete(upload.storage_key)
        raise
    service.require_verified(upload)  # after the commit: that the parts are gone must be remembered
    return answer


@router.delete("/{upload_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("upload.discard"))
def discard_upload(upload_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> None:
    service.discard(session, caller, upload_id, runtime=runtime)


def _open_upload(runtime: Runtime, caller: Caller, upload_id: str) -> Upload:
    with runtime.database.reading() as session:
        return queries.open_upload(session, caller, upload_id)


def _note_part(runtime: Runtime, caller: Caller, upload_id: str, number: int, size: int, sha256: str) -> None:
    with runtime.database.transaction() as session:
        service.note_part(session, caller, upload_id, number=number, size=size, sha256=sha256)
