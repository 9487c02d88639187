"""The web application; `python -m api` serves it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.types import ASGIApp

import migrations
from api import health, metrics, reference, signing_keys
from api.access import actions_of, require_declared
from api.accounts.routes import router as accounts
from api.audit.routes import router as audit
from api.boxes.routes import router as boxes
from api.dashboard.frame import DashboardFrame
from api.dashboard.routes import router as dashboard
from api.datasets.routes import router as datasets
from api.description import describe
from api.errors import install_error_handlers
from api.jobs.report_schema import router as report_schema
from api.jobs.routes import router as jobs
from api.jobs.streams import Streams
from api.last_use import LastUse
from api.licenses.routes import boxes_router as licensed_boxes
from api.licenses.routes import router as licenses
from api.limits import RateLimit
from api.middleware import ProblemForTooLarge, RequestLog
from api.models.routes import router as models
from api.monitoring.routes import router as alarms
from api.open_inference.routes import router as open_inference
from api.people.routes import router as people
from api.predictions.lane import Lane
from api.predictions.routes import router as predictions
from api.quotas.routes import router as quotas
from api.uploads.routes import router as uploads
from api.webhooks.delivering import Deliveries
from api.webhooks.routes import router as webhooks
from api.webhooks.sending import Outbound
from sdb_service import __version__
from sdb_service.logs import configure_logs
from sdb_service.people.signing_in import Door
from sdb_service.runtime import Runtime, open_runtime

try:
    from api.predictions.remembering import Heads
except ImportError:  # httptools is not for every system; without it all requests go the usual way
    Heads = None  # type: ignore[assignment, misc]

WRITERS = 16  # at once in one process; of its 40 threads, see `api.deps`


_ROUTERS = (
    health.router,
    metrics.router,
    reference.router,
    accounts,
    quotas,
    people,
    uploads,
    models,
    datasets,
    jobs,
    report_schema,
    boxes,
    licensed_boxes,
    alarms,
    licenses,
    predictions,
    open_inference,
    audit,
    signing_keys.router,
    webhooks,
    dashboard,
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """The application on a runtime; without one, on what the environment's settings name, migrated first."""
    if runtime is None:
        runtime = open_runtime()
        configure_logs(runtime.settings.log_level)
        migrations.upgrade(runtime.settings)
    app = _Application(
        title="SDB",
        summary="Wraps trained classifiers so that distillation without the key teaches nothing.",
        version=__version__,
        docs_url=None,  # the framework's page loads scripts from elsewhere; api/reference.py needs none
        redoc_url=None,
        max_body_size=runtime.settings.max_json_bytes,
        lifespan=_lifespan,
    )
    _equip(app, runtime)
    for router in _ROUTERS:
        app.include_router(router)
    require_declared(app)
    app.add_middleware(RateLimit, settings=runtime.settings)
    return app


def _equip(app: FastAPI, runtime: Runtime) -> None:
    """What requests find in the application's state, and who answers for errors."""
    install_error_handlers(app)
    app.state.runtime = runtime
    app.state.streams = Streams(runtime.settings.event_streams)
    app.state.turns_to_write = anyio.Semaphore(WRITERS)
    app.state.readiness = health.Readiness(runtime)
    app.state.last_use = LastUse(runtime)
    app.state.lane = Lane(runtime, app.state.last_use)
    app.state.forget = app.state.lane.forget
    app.state.door = Door(runtime.settings)
    app.state.heads = Heads(app.state.lane) if Heads is not None else None
    app.state.outbound = Outbound.of(runtime.settings)
    app.state.deliveries = Deliveries(runtime, app.state.outbound)


class _Application(FastAPI):
    """The framework's size limit stands outside all added middleware, and these three must stand outside of it."""

    def openapi(self) -> dict[str, Any]:
        known = self.openapi_schema
        found = super().openapi()
        if found is not known:
            describe(found, actions_of(self))
        return found

    def build_middleware_stack(self) -> ASGIApp:
        return RequestLog(DashboardFrame(ProblemForTooLarge(super().build_middleware_stack())))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    keeper = app.state.runtime.keeper
    await asyncio.to_thread(keeper.start, changed=app.state.forget)  # before the first request
    app.state.deliveries.start()
    yield {"heads": app.state.heads}  # for the server's protocol, see api/predictions/wire.py
    app.state.deliveries.close()
    await asyncio.to_thread(keeper.stop)
    app.state.lane.close()
    app.state.last_use.close()
    app.state.runtime.database.close()
