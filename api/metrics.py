"""`/metrics` for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.access import allow
from api.deps import OptionalCaller
from api.predictions.metrics import PredictionCollector

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, dependencies=allow("service.metrics"))
def metrics(request: Request, caller: OptionalCaller) -> Response:
    """The numbers of this process, in all; for an admin's token also by box, whose ids are nobody else's business."""
    registry = CollectorRegistry()
    is_admin = caller is not None and caller.is_admin
    registry.register(PredictionCollector(request.app.state.lane.metrics, boxes=is_admin))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
