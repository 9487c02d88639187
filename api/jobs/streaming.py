"""A job's story as it happens: server-sent events, resumable by `Last-Event-ID`."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

from api.jobs import queries, schemas
from sdb_service.errors import Forbidden, NotFound, Unauthenticated
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime

_POLL_SECONDS = 0.3
_KEEP_ALIVE_POLLS = 50


async def story(
    runtime: Runtime, who: Callable[[], Caller], job_id: str, *, after: int
) -> AsyncIterator[ServerSentEvent]:
    """Events after the id `after`, then new ones, until the job is over and told to the end.

    `who` says each time anew who listens, or raises: a stream outlives no right to it. Whoever comes again is told why.
    """
    silent = 0
    while True:
        try:
            events, over = await run_in_threadpool(_read, runtime, who, job_id, after)
        except (Unauthenticated, Forbidden, NotFound):
            return
        for event in events:
            after = event.id
            yield ServerSentEvent(event=event.kind, id=str(event.id), data=event.model_dump(mode="json"))
        if over and not events:
            yield ServerSentEvent(event="end", data={})
            return
        silent = 0 if events else silent + 1
        if silent >= _KEEP_ALIVE_POLLS:
            silent = 0
            yield ServerSentEvent(comment="still here")
        if not events:
            await asyncio.sleep(_POLL_SECONDS)


def _read(runtime: Runtime, who: Callable[[], Caller], job_id: str, after: int) -> tuple[list[schemas.Event], bool]:
    caller = who()
    with runtime.database.reading() as session:
        over = queries.get_job(session, caller, job_id).state in queries.OVER
        return [schemas.Event.of(row) for row in queries.events_after(session, job_id, after)], over
