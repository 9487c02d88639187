from pathlib import Path
from threading import Thread

import httpx2
import pytest

from sdb_client import Client, ConnectionFailed, NotFound
from sdb_client.jobs import Jobs

from . import standing_in
from .running import Service
from .standing_in import JOBS
from .weather import MakeLine, wire


def told_job(client: Client, service: Service, checkpoint: Path) -> str:
    """A job that is over, with a story of five events."""
    job = standing_in.queued_job(client, service.runtime, checkpoint)
    claim = standing_in.take(service.runtime, JOBS, job.id)
    for step in range(3):
        standing_in.tell(service.runtime, claim, "metrics", {"stage": "wrap", "step": step, "values": {"loss": 1.0}})
    standing_in.finish(service.runtime, claim)
    return job.id


def test_the_story_is_told_in_order_and_ends_with_the_job(provider: Client, service: Service, checkpoint: Path) -> None:
    job_id = told_job(provider, service, checkpoint)

    events = list(provider.jobs.events(job_id))

    assert [event.kind for event in events] == ["state", "metrics", "metrics", "metrics", "state"]
    assert events[-1].data == {"state": "succeeded"}
    assert [event.id for event in provider.jobs.events(job_id, after=events[2].id)] == [e.id for e in events[3:]]
    assert [point["step"] for point in provider.jobs.metrics(job_id)] == [0, 1, 2]


def test_events_arrive_while_the_job_runs(provider: Client, service: Service, checkpoint: Path) -> None:
    job = standing_in.queued_job(provider, service.runtime, checkpoint)
    claim = standing_in.take(service.runtime, JOBS, job.id)
    kinds = []

    for event in provider.jobs.events(job.id):
        kinds.append(event.kind)
        if event.data == {"state": "running"}:
            Thread(target=standing_in.finish, args=(service.runtime, claim)).start()

    assert kinds == ["state", "state"]


def test_a_stream_that_is_cut_goes_on_where_it_stopped(service: Service, checkpoint: Path, bad_line: MakeLine) -> None:
    token = service.token_of("a provider whose stream is cut", role="provider")
    with Client(service.url, token=token) as client:
        job_id = told_job(client, service, checkpoint)
        whole = [event.id for event in client.jobs.events(job_id)]
    streams: list[str] = []

    def fault(request: httpx2.Request, _before: int) -> str:
        if not request.url.path.endswith("/events"):
            return "pass"
        streams.append(request.headers["Last-Event-ID"])
        return "cut" if len(streams) <= 3 else "pass"

    found = [event.id for event in Jobs(wire(service.url, token, bad_line(fault))).events(job_id)]

    assert found == whole
    assert streams == ["0", *(str(number) for number in whole[:3])]


def test_a_stream_that_never_comes_back_is_given_up(service: Service, checkpoint: Path, bad_line: MakeLine) -> None:
    token = service.token_of("a provider without a stream", role="provider")
    with Client(service.url, token=token) as client:
        job = standing_in.queued_job(client, service.runtime, checkpoint)
    line = bad_line(lambda request, _: "lost" if request.url.path.endswith("/events") else "pass")

    with pytest.raises(ConnectionFailed):
        list(Jobs(wire(service.url, token, line)).events(job.id))

    assert sum(request.url.path.endswith("/events") for request in line.seen) == 9


def test_the_story_of_no_job_is_not_found(provider: Client) -> None:
    with pytest.raises(NotFound):
        list(provider.jobs.events("job_of_nobody"))
