"""`/v1/boxes`: boxes, their publication and their predictions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.boxes import predicting, queries, schemas, service
from api.boxes.decoding import NPY
from api.boxes.receiving import COUNTED_AS_IT_STREAMS, read_body
from api.deps import CallerDep, OptionalCaller, ReadSession, RuntimeDep, WriteSession
from api.paging import Page, PagingDep, page
from sdb_service.recording import record_act
from sdb_service.tables import Box

router = APIRouter(prefix="/v1/boxes", tags=["boxes"])


@router.get("")
def list_boxes(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Box]:
    return page(session, queries.own_boxes(caller), by=Box.id, paging=paging, shape=schemas.Box.of)


@router.get("/{box_id}", response_model=None)
def get_box(box_id: str, caller: OptionalCaller, session: ReadSession) -> schemas.Box | schemas.PublicBox:
    """All of it for its owner; for everybody else what a published or licensed box shows."""
    box = queries.get_usable_box(session, caller, box_id)
    return schemas.Box.of(box) if queries.is_owner(caller, box) else schemas.PublicBox.of(box)


@router.post("/{box_id}/publish")
def publish_box(
    box_id: str, caller: CallerDep, session: WriteSession, body: schemas.Publication | None = None
) -> schemas.Box:
    return schemas.Box.of(service.publish(session, caller, box_id, body or schemas.Publication()))


@router.post("/{box_id}/unpublish")
def unpublish_box(box_id: str, caller: CallerDep, session: WriteSession) -> schemas.Box:
    return schemas.Box.of(service.unpublish(session, caller, box_id))


@router.get("/{box_id}/checkpoint")
def get_checkpoint(
    box_id: str,
    caller: CallerDep,
    session: WriteSession,
    runtime: RuntimeDep,
    kind: Annotated[str, Query(alias="format", pattern="^(safetensors|onnx)$")] = "safetensors",
) -> StreamingResponse:
    """The box's weights, for its owner and holders of delivered licenses; recorded in the audit log."""
    box = queries.get_box_of_party(session, caller, box_id)
    queries.require_weights(session, caller, box)
    record_act(session, caller, "box.download", box.id, owner=box.account_id, detail={"format": kind})
    key, digest = (box.onnx_key, box.onnx_sha256) if kind == "onnx" else (box.checkpoint_key, box.checkpoint_sha256)
    headers = {
        "Content-Disposition": f'attachment; filename="{box.id}.{kind}"',
        "Content-Length": str(runtime.storage.size(key)),
        "X-Content-Sha256": digest,
        "Cache-Control": "no-store",
    }
    return StreamingResponse(runtime.storage.read(key), media_type="application/octet-stream", headers=headers)


@router.post("/{box_id}/predict", response_model=schemas.Predictions, max_body_size=COUNTED_AS_IT_STREAMS)
async def predict(
    box_id: str,
    request: Request,
    caller: OptionalCaller,
    runtime: RuntimeDep,
    outputs: Annotated[str | None, Query(alias="return", description="labels, probs, logits; comma-separated")] = None,
    temperature: Annotated[float, Query(ge=0.01, le=1000, allow_inf_nan=False)] = 1.0,
    top_k: Annotated[int | None, Query(ge=1, le=100_000)] = None,
    resize: bool = False,
) -> Any:
    """Public once the box is published. The body is a PNG, a JPEG, or a batch as npy; `Accept` npy answers npy."""
    box = await run_in_threadpool(predicting.find_box, runtime, caller, box_id)
    wanted = predicting.wanted_outputs(box, caller, outputs)
    body = await read_body(request, limit=runtime.settings.max_predict_bytes)
    logits = await run_in_threadpool(
        predicting.logits_of,
        box,
        body,
        request.headers.get("content-type", ""),
        sessions=request.app.state.sessions,
        runtime=runtime,
        resize=resize,
    )
    most = box.num_classes if queries.is_owner(caller, box) else box.top_k
    if NPY in request.headers.get("accept", ""):
        content = predicting.as_npy(logits, outputs=wanted, temperature=temperature, num_shown=most)
        return Response(content, media_type=NPY)
    shown = min(top_k or box.top_k, most)
    return predicting.as_json(box, logits, outputs=wanted, temperature=temperature, top_k=shown)
