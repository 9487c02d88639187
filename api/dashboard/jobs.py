"""Pages of jobs: the list, one job live, its report."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dashboard import evidence
from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.curves import curves
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, ViewerDep, get_viewer
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.jobs import queries, schemas, service, streaming
from api.jobs.report_page import report_page
from api.paging import PagingDep
from api.paging import page as page_of
from sdb_service.identity import Caller
from sdb_service.tables import Job

router = APIRouter(prefix="/dashboard/jobs", include_in_schema=False)


def get_job(job_id: str, viewer: ViewerDep, session: ReadSession) -> Job:
    return queries.get_job(session, viewer.caller, job_id)


JobDep = Annotated[Job, Depends(get_job)]


@router.get("", dependencies=viewing("job.list"))
def list_jobs(viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, paging: PagingDep) -> HTMLResponse:
    found = page_of(session, queries.visible_jobs(viewer.caller), by=Job.id, paging=paging, shape=schemas.Job.of)
    names = shown.source_names(session, viewer.caller, found.data)
    return page("jobs.html", viewer, jobs=found, names=names, url=runtime.settings.public_url)


@router.get("/{job_id}", dependencies=viewing("job.read"))
def show_job(job: JobDep, viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, done: str = "") -> HTMLResponse:
    # The place in the story first, then the state: what happens in between is told again by the stream, never missed.
    after = shown.last_event_id(session, job.id)
    session.refresh(job)
    told = schemas.Job.of(job)
    stages = curves(queries.metric_events(session, job.id))
    drawn = {"after": after, "stages": stages, "order": list(stages), "over": job.state in queries.OVER}
    names = shown.source_names(session, viewer.caller, [told])
    report = evidence.read(job, runtime=runtime)
    found = evidence.attacks(report) if report else None
    charts = {"attacks": found} if found and found["groups"] else None
    return page("job.html", viewer, done=done, job=told, names=names, drawn=drawn, charts=charts)


@router.post("/{job_id}/cancel", dependencies=viewing("job.cancel"))
def cancel_job(job_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.cancel(session, actor.caller, job_id)
    return back_to(f"/dashboard/jobs/{job_id}", done="cancelled")


async def count_stream(request: Request, viewer: ViewerDep) -> AsyncIterator[None]:
    """One of the account's event streams, until the answer has ended."""
    with request.app.state.streams.one_of(viewer.caller.account_id):
        yield


@router.get(
    "/{job_id}/events",
    dependencies=[*viewing("job.read"), Depends(count_stream)],
    response_class=EventSourceResponse,
)
async def job_events(
    job: JobDep,
    request: Request,
    runtime: RuntimeDep,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[str, Header(pattern=r"^\d{0,18}$", alias="Last-Event-ID")] = "",
) -> AsyncIterator[ServerSentEvent]:
    """The job's story from `after`, or from where a broken stream left off."""

    def who() -> Caller:
        return get_viewer(request, runtime).caller

    async for event in streaming.story(runtime, who, job.id, after=int(last_event_id or after)):
        yield event


@router.get("/{job_id}/report", dependencies=viewing("job.read"))
def show_report(job: JobDep, runtime: RuntimeDep) -> HTMLResponse:
    return report_page(job, runtime=runtime)


@router.get("/{job_id}/report.json", dependencies=viewing("job.read"))
def get_report(job: JobDep, runtime: RuntimeDep) -> JSONResponse:
    report: dict[str, Any] = service.report_of(job, runtime=runtime)
    headers = {"Content-Disposition": f'attachment; filename="{job.id}.report.json"'}
    return JSONResponse(report, headers=headers)
