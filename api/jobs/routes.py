"""`/v1/jobs`: wrap runs."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import allow, still_allowed
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.jobs import queries, schemas, service, streaming
from api.jobs.report_page import report_page
from api.paging import Page, PagingDep, page
from sdb_service.errors import Malformed
from sdb_service.tables import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, dependencies=allow("job.create"))
def create_job(
    body: schemas.NewJob,
    caller: CallerDep,
    session: WriteSession,
    runtime: RuntimeDep,
    once: OnceDep,
    response: Response,
) -> schemas.Job:
    job = once.answer(
        session, body, lambda: schemas.Job.of(service.create(session, caller, body, runtime=runtime)), schemas.Job
    )
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job


@router.get("", dependencies=allow("job.list"))
def list_jobs(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Job]:
    return page(session, queries.visible_jobs(caller), by=Job.id, paging=paging, shape=schemas.Job.of)


@router.get("/{job_id}", dependencies=allow("job.read"))
def get_job(job_id: str, caller: CallerDep, session: ReadSession) -> schemas.Job:
    return schemas.Job.of(queries.get_job(session, caller, job_id))


@router.post("/{job_id}/cancel", status_code=status.HTTP_202_ACCEPTED, dependencies=allow("job.cancel"))
def cancel_job(job_id: str, caller: CallerDep, session: WriteSession) -> schemas.Job:
    """A running job stops at its next step; ask for its state to see it end."""
    return schemas.Job.of(service.cancel(session, caller, job_id))


def _stream_start(
    job_id: str,
    caller: CallerDep,
    session: ReadSession,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> int:
    """Everything that can be refused is refused here: once a stream has begun, its status is 200."""
    queries.get_job(session, caller, job_id)
    return _event_number(last_event_id)


async def count_stream(request: Request, caller: CallerDep) -> AsyncIterator[None]:
    """One of the account's event streams, until the answer has ended."""
    with request.app.state.streams.one_of(caller.account_id):
        yield


@router.get(
    "/{job_id}/events",
    dependencies=[*allow("job.read"), Depends(count_stream)],
    response_class=EventSourceResponse,
)
async def job_events(
    job_id: str, request: Request, runtime: RuntimeDep, after: Annotated[int, Depends(_stream_start)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events `state`, `progress` and `metrics`, then `end`."""
    async for event in streaming.story(runtime, lambda: still_allowed(request, "job.read"), job_id, after=after):
        yield event


@router.get("/{job_id}/metrics", dependencies=allow("job.read"))
def job_metrics(job_id: str, caller: CallerDep, session: ReadSession) -> schemas.Metrics:
    queries.get_job(session, caller, job_id)
    return schemas.Metrics(points=[event.data for event in queries.metric_events(session, job_id)])


@router.get("/{job_id}/report", dependencies=allow("job.read"))
@router.get("/{job_id}/report.json", dependencies=allow("job.read"))
def job_report(job_id: str, caller: CallerDep, session: ReadSession, runtime: RuntimeDep) -> dict[str, Any]:
    """The evidence, in the published form `sdb-report/1`; `GET /v1/report-schema` has its JSON Schema."""
    return service.report_of(queries.get_job(session, caller, job_id), runtime=runtime)


@router.get("/{job_id}/report.html", response_class=HTMLResponse, dependencies=allow("job.read"))
def job_report_page(job_id: str, caller: CallerDep, session: ReadSession, runtime: RuntimeDep) -> HTMLResponse:
    """The same as one page with figures and without scripts, to be read, printed or sent on."""
    return report_page(queries.get_job(session, caller, job_id), runtime=runtime)


def _event_number(text: str | None) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Malformed("event_id_invalid", "Last-Event-ID is the id of an event of this stream, a number.")
    return int(text)
