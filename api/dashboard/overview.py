"""The first page, and the small answer from which progress bars move."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.dashboard import queries, usage
from api.dashboard.access import viewing
from api.dashboard.rendering import page
from api.dashboard.viewing import ViewerDep
from api.deps import ReadSession, RuntimeDep
from api.jobs import schemas
from sdb_service.errors import NotFound

router = APIRouter(prefix="/dashboard", include_in_schema=False)
rest = APIRouter(prefix="/dashboard", include_in_schema=False)

_SHOWN = 6
_WATCHED = 50


@router.get("", dependencies=viewing("dashboard.view"))
def show_overview(viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep) -> HTMLResponse:
    jobs = [schemas.Job.of(job) for job in queries.latest_jobs(session, viewer.caller, limit=_SHOWN)]
    return page(
        "overview.html",
        viewer,
        counts=queries.counts(session, viewer.caller),
        jobs=jobs,
        names=queries.source_names(session, viewer.caller, jobs),
        boxes=queries.latest_boxes(session, viewer.caller, limit=_SHOWN),
        bars=usage.bars(session, viewer.caller.account_id, settings=runtime.settings),
        url=runtime.settings.public_url,
    )


@router.get("/progress", dependencies=viewing("job.list"))
def get_progress(viewer: ViewerDep, session: ReadSession) -> list[dict[str, Any]]:
    """State and progress of the latest jobs. One small poll: a stream for each bar would use up a browser's six."""
    jobs = queries.latest_jobs(session, viewer.caller, limit=_WATCHED)
    return [{"id": job.id, "state": job.state, "progress": job.progress} for job in jobs]


@rest.api_route(
    "/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], dependencies=viewing("dashboard.view")
)
def nothing_here(path: str, viewer: ViewerDep) -> HTMLResponse:  # noqa: ARG001
    raise NotFound("page_not_found", "There is no such page; start again from the overview.")
