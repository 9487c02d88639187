"""`/v1/boxes`: boxes, their publication and their weights."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import StreamingResponse

from api.access import allow
from api.boxes import queries, rekeying, schemas, service
from api.deps import CallerDep, OptionalCaller, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.jobs import schemas as job_schemas
from api.paging import Page, PagingDep, page
from api.shapes import Body
from sdb_service.tables import Box

router = APIRouter(prefix="/v1/boxes", tags=["boxes"])


@router.get("", dependencies=allow("box.list"))
def list_boxes(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Box]:
    return page(session, queries.own_boxes(caller), by=Box.id, paging=paging, shape=schemas.Box.of)


@router.get(
    "/{box_id}",
    response_model=None,
    responses={200: {"model": schemas.Box | schemas.PublicBox}},
    dependencies=allow("box.read"),
)
def get_box(box_id: str, caller: OptionalCaller, session: ReadSession) -> schemas.Box | schemas.PublicBox:
    """All of it for its owner; for everybody else what a published or licensed box shows."""
    box = queries.get_usable_box(session, caller, box_id)
    return schemas.Box.of(box) if queries.is_owner(caller, box) else schemas.PublicBox.of(box)


@router.post("/{box_id}/publish", dependencies=allow("box.publish"))
def publish_box(
    box_id: str, caller: CallerDep, session: WriteSession, body: schemas.Publication | None = None
) -> schemas.Box:
    return schemas.Box.of(service.publish(session, caller, box_id, body or schemas.Publication()))


@router.post("/{box_id}/unpublish", dependencies=allow("box.unpublish"))
def unpublish_box(box_id: str, caller: CallerDep, session: WriteSession) -> schemas.Box:
    return schemas.Box.of(service.unpublish(session, caller, box_id))


@router.post("/{box_id}/rekey", status_code=status.HTTP_202_ACCEPTED, dependencies=allow("box.rekey"))
def rekey_box(
    box_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, once: OnceDep, response: Response
) -> job_schemas.Job:
    """Make the box anew under a fresh key. When the job succeeds, its box takes over publication and licenses; those
    revoked get nothing. Keys that were delivered, and what was learned with them, cannot be called back.
    """
    job = once.answer(
        session,
        Body(),
        lambda: job_schemas.Job.of(rekeying.rekey(session, caller, box_id, runtime=runtime)),
        job_schemas.Job,
    )
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job


@router.get("/{box_id}/checkpoint", dependencies=allow("box.download"))
def get_checkpoint(
    box_id: str,
    caller: CallerDep,
    session: WriteSession,
    runtime: RuntimeDep,
    kind: Annotated[str, Query(alias="format", pattern="^(safetensors|onnx)$")] = "safetensors",
) -> StreamingResponse:
    """The box's weights, for its owner and customers entitled to `box:download`; recorded in the audit log.

    Both formats are float32, also where predictions come from int8: that file is made for this service's processors.
    """
    box = service.give_weights(session, caller, box_id, form=kind)
    key, digest = (box.onnx_key, box.onnx_sha256) if kind == "onnx" else (box.checkpoint_key, box.checkpoint_sha256)
    headers = {
        "Content-Disposition": f'attachment; filename="{box.id}.{kind}"',
        "Content-Length": str(runtime.storage.size(key)),
        "X-Content-Sha256": digest,
        "Cache-Control": "no-store",
    }
    return StreamingResponse(runtime.storage.read(key), media_type="application/octet-stream", headers=headers)
