"""The plain lists: models, datasets, the audit log."""

from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, StreamingResponse

from api.audit.export import csv_answer
from api.audit.queries import FiltersDep, visible_events
from api.audit.routes import AuditEvent
from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.rendering import page
from api.dashboard.viewing import ViewerDep
from api.datasets.queries import visible_datasets
from api.datasets.schemas import Dataset as DatasetShape
from api.deps import ReadSession, RuntimeDep
from api.models.queries import visible_models
from api.models.schemas import Model as ModelShape
from api.paging import PagingDep
from api.paging import page as page_of
from sdb_service.tables import AuditEvent as AuditRow
from sdb_service.tables import Dataset, Model

router = APIRouter(prefix="/dashboard", include_in_schema=False)


@router.get("/models", dependencies=viewing("model.list"))
def list_models(viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, paging: PagingDep) -> HTMLResponse:
    found = page_of(session, visible_models(viewer.caller), by=Model.id, paging=paging, shape=ModelShape.of)
    return page("models.html", viewer, models=found, url=runtime.settings.public_url)


@router.get("/datasets", dependencies=viewing("dataset.list"))
def list_datasets(viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, paging: PagingDep) -> HTMLResponse:
    found = page_of(session, visible_datasets(viewer.caller), by=Dataset.id, paging=paging, shape=DatasetShape.of)
    return page("datasets.html", viewer, datasets=found, url=runtime.settings.public_url)


@router.get("/audit", dependencies=viewing("audit.list"))
def list_audit(viewer: ViewerDep, session: ReadSession, paging: PagingDep, filters: FiltersDep) -> HTMLResponse:
    wanted = visible_events(viewer.caller, filters)
    found = page_of(session, wanted, by=AuditRow.number, paging=paging, shape=AuditEvent.of)
    names = shown.account_names(session, viewer.caller, [event.actor_id for event in found.data])
    given = filters.given
    return page("audit.html", viewer, events=found, names=names, filters=given, query=urlencode(given))


@router.get("/audit.csv", dependencies=viewing("audit.list"))
def export_audit(viewer: ViewerDep, runtime: RuntimeDep, filters: FiltersDep) -> StreamingResponse:
    return csv_answer(runtime.database, viewer.caller, filters)
