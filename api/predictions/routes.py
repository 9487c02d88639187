"""`/v1/boxes/{id}/predict` and `/distill`: the way that may wait and that says what is wrong."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.access import declare
from api.bodies.receiving import COUNTED_AS_IT_STREAMS, read_body
from api.deps import RuntimeDep, address_of, bearer_of
from api.predictions import schemas
from api.predictions.asked import Asked, AskedOpen
from api.predictions.lane import Lane
from api.predictions.tickets import Head, Kind
from sdb_service.runtime import Runtime

router = APIRouter(prefix="/v1/boxes", tags=["predictions"])


@router.post(
    "/{box_id}/predict",
    response_model=schemas.Predictions,
    max_body_size=COUNTED_AS_IT_STREAMS,
    dependencies=declare("box.predict"),
)
async def predict(box_id: str, request: Request, runtime: RuntimeDep, asked: Annotated[Asked, Query()]) -> Response:
    """Public once the box is published.

    The body is a PNG, a JPEG, a form of several, or a batch: `application/x-npy`, `application/octet-stream;
    dtype=uint8` (or `float32`), `application/x-safetensors` with a tensor `images`, or JSON `{"images": ...}`. Pixels
    are uint8 (N, H, W, C); float32 (N, C, H, W) is normalised already. `Accept: application/x-npy` or
    `application/octet-stream` answers one array, with `; dtype=float16` in half the bytes.
    """
    return await _answered(_head("predict", box_id, request), asked, request, runtime)


@router.post(
    "/{box_id}/distill",
    response_model=schemas.Predictions,
    max_body_size=COUNTED_AS_IT_STREAMS,
    dependencies=declare("box.distill"),
)
async def distill(box_id: str, request: Request, runtime: RuntimeDep, asked: Annotated[AskedOpen, Query()]) -> Response:
    """Open logits for licensed customers; same bodies as predict. The server blends the key in, which never leaves."""
    return await _answered(_head("distill", box_id, request), asked, request, runtime)


async def _answered(head: Head, asked: Asked | AskedOpen, request: Request, runtime: Runtime) -> Response:
    lane: Lane = request.app.state.lane
    with lane.charges.counting_failures(head.address):
        await lane.admit(head, asked)  # nobody's body is read for nothing
        body = await read_body(request, limit=runtime.settings.max_predict_bytes)
        ticket = await lane.admit(head, asked)  # again: a body may take minutes, and a right end meanwhile
        reply = await lane.answer(ticket, body)
    return Response(reply.body, media_type=reply.media_type, headers=reply.budget.headers)


def _head(kind: Kind, box_id: str, request: Request) -> Head:
    return Head(
        kind=kind,
        box_id=box_id,
        token=bearer_of(request),
        content_type=request.headers.get("content-type", ""),
        accept=request.headers.get("accept", ""),
        address=address_of(request) or "unknown",
    )
