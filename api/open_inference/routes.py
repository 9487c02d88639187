"""`/v2`: the server, boxes as models, and their inference."""

import time
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.access import allow, declare
from api.bodies.geometry import Geometry
from api.bodies.receiving import COUNTED_AS_IT_STREAMS, read_body
from api.boxes import queries
from api.deps import OptionalCaller, ReadSession, RuntimeDep, address_of, bearer_of
from api.open_inference import schemas
from api.open_inference.outputs import chosen, metadata_of, require_known
from api.open_inference.requests import images_of
from api.open_inference.responses import response_of
from api.open_inference.schemas import InferRequest
from api.predictions.answers import TENSORS, tensors_of
from api.predictions.asked import Asked, AskedOpen
from api.predictions.known import Standing
from api.predictions.lane import Lane
from api.predictions.tickets import Head, Ticket
from sdb_service import __version__
from sdb_service.errors import NotFound, Unavailable, UnsupportedMedia

router = APIRouter(prefix="/v2", tags=["open inference"])

_JSON_BYTES = "inference-header-content-length"
_FEW_BYTES = 16_384  # of a body: read sooner than another thread begins


@router.get("", dependencies=declare("service.describe"))
def server_metadata() -> schemas.ServerMetadata:
    """The server's name, version and extensions of the protocol."""
    return schemas.ServerMetadata(name="sdb", version=__version__, extensions=["binary_tensor_data", "parameters"])


@router.get("/health/live", dependencies=declare("service.health"))
def server_live() -> schemas.ServerLive:
    """Whether the service lives."""
    return schemas.ServerLive(live=True)


@router.get("/health/ready", dependencies=declare("service.health"))
async def server_ready(request: Request) -> schemas.ServerReady:
    """Whether it can work, as `/readyz` says it."""
    if failures := await request.app.state.readiness.failures():
        raise Unavailable(
            "not_ready", f"{' and '.join(failures)} cannot be used now; ask again in a second.".capitalize()
        )
    return schemas.ServerReady(ready=True)


@router.get("/models/{box_id}", dependencies=allow("box.describe"))
@router.get("/models/{box_id}/versions/1", dependencies=allow("box.describe"))
def model_metadata(box_id: str, caller: OptionalCaller, session: ReadSession) -> schemas.ModelMetadata:
    """A box as a model: its input, and the outputs that the caller may have. A box never changes: its version is 1."""
    return metadata_of(Standing.of(caller, queries.get_usable_box(session, caller, box_id)))


@router.get("/models/{box_id}/ready", dependencies=allow("box.describe"))
@router.get("/models/{box_id}/versions/1/ready", dependencies=allow("box.describe"))
def model_ready(box_id: str, caller: OptionalCaller, session: ReadSession, runtime: RuntimeDep) -> schemas.ModelReady:
    """Whether the caller may ask the box, and it is in the store."""
    box = queries.get_usable_box(session, caller, box_id)
    if not runtime.storage.exists(box.onnx_key):
        raise Unavailable("box_damaged", "The stored box is gone; the operator must restore it.")
    return schemas.ModelReady(name=box.id, ready=True)


@router.post(
    "/models/{box_id}/infer",
    response_model=schemas.InferResponse,
    max_body_size=COUNTED_AS_IT_STREAMS,
    dependencies=declare("box.predict"),
)
@router.post(
    "/models/{box_id}/versions/1/infer",
    response_model=schemas.InferResponse,
    max_body_size=COUNTED_AS_IT_STREAMS,
    dependencies=declare("box.predict"),
)
async def infer(box_id: str, request: Request, runtime: RuntimeDep) -> Response:
    """As predict, by the Open Inference Protocol V2 and its binary tensor data extension.

    The one input is `input`: FP32 or FP16 (N, C, H, W) normalised, or UINT8 (N, H, W, C) pixels. The outputs are
    `labels` INT64 (N), `probs` and `logits` FP32 (N, K), as far as the box's owner publishes them; without `outputs`
    those of predict. The request's parameter `"key": "hosted"` makes it a distill: open `logits` under a license.
    """
    lane: Lane = request.app.state.lane
    head = Head("predict", box_id, bearer_of(request), "", "", address_of(request) or "unknown")
    with lane.charges.counting_failures(head.address):
        _require_plain(request)
        geometry = await _geometry(lane, head)  # nobody's body is read for nothing
        body = await read_body(request, limit=runtime.settings.max_predict_bytes)
        started = time.perf_counter()
        read = partial(
            images_of, body, request.headers.get(_JSON_BYTES), geometry, max_images=runtime.settings.max_predict_images
        )
        asked, images = read() if len(body) <= _FEW_BYTES else await run_in_threadpool(read)
        ticket, names = await _granted(lane, head, asked)  # again: a body may take minutes, and a right end meanwhile
        reply = await lane.answer_images(ticket, images, started=started)
    box, shown = ticket.standing.box, ticket.rendering.shown
    tensors = tensors_of(reply.body, box, shown, count=len(images))
    return response_of(asked, box.id, names, tensors, headers=reply.budget.headers)


def _require_plain(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMedia(
            "content_encoding_unsupported", "Send the body as it is, without Content-Encoding; bytes need no packing."
        )


async def _geometry(lane: Lane, head: Head) -> Geometry:
    """What the box takes, for whoever may ask it. A licensee without a good license is told why, as by distill."""
    try:
        ticket = await lane.admit(head, Asked())
    except NotFound:
        if head.token is None:
            raise
        ticket = await lane.admit(replace(head, kind="distill"), AskedOpen())
    return ticket.standing.box.geometry


async def _granted(lane: Lane, head: Head, asked: InferRequest) -> tuple[Ticket, tuple[str, ...]]:
    """The ticket, and the outputs that are answered."""
    names = tuple(one.name for one in asked.outputs)
    if asked.parameters.key == "hosted":
        ticket = await lane.admit(replace(head, kind="distill"), AskedOpen(), media_type=TENSORS)
        shown = ticket.rendering.shown.outputs
        require_known(names, shown)
        return ticket, names or shown
    names = chosen((await lane.admit(head, Asked())).standing, names)
    return await lane.admit(head, Asked(outputs=",".join(names)), media_type=TENSORS), names
