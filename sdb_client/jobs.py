"""Jobs: one wrap run each, and its story while it runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from sdb_client.errors import ConnectionFailed, JobFailed, ServerError
from sdb_client.http import Wire, path
from sdb_client.models import Reason
from sdb_client.shapes import from_json
from sdb_client.waiting import wait_until

OVER = ("succeeded", "failed", "cancelled")

_SILENCE = 60.0  # seconds; the service says something every 15
_RECONNECTS = 8  # in a row without a single event
_FIRST_PAUSE = 0.25  # seconds


@dataclass(frozen=True)
class Job:
    """One wrap run; `state` is queued, running, succeeded, failed or cancelled."""

    id: str
    model_id: str
    dataset_id: str
    policy: str
    state: str
    created_at: datetime
    seed: int = 0
    precision: str = "float32"
    attempt: int = 0
    cancelling: bool = False
    has_report: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    reason: Reason | None = None
    box_id: str | None = None
    replaces_box_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.state in OVER


@dataclass(frozen=True)
class JobEvent:
    """One line of a job's story: kind `state`, `progress` or `metrics`."""

    id: int
    kind: str
    attempt: int
    at: datetime
    data: Mapping[str, Any]


class Jobs:
    """`client.jobs`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        model_id: str,
        dataset_id: str,
        *,
        policy: str = "sdb-hardened",
        config: Mapping[str, Any] | None = None,
        evaluate: Mapping[str, Any] | None = None,
        precision: str = "float32",
        seed: int = 0,
    ) -> Job:
        """Queue one wrap of a ready model with a ready data set.

        `config` are settings of the policy, such as `{"preset": "photographs", "epochs": 40}`; `evaluate` says how much
        evidence to gather, such as `{"level": "quick", "seeds": 3, "student": "sdb:cnn-strided", "student_settings":
        {"lr": 0.01}}`; levels are none, quick, standard and full. What neither names is as the preset has it, else the
        default. `precision` is that of the network that predictions come from: float32, or int8, whose measured
        difference the report then gives.
        """
        body = {
            "model_id": model_id,
            "dataset_id": dataset_id,
            "policy": policy,
            "config": dict(config or {}),
            "evaluate": dict(evaluate or {}),
            "precision": precision,
            "seed": seed,
        }
        return from_json(Job, self._wire.create("/v1/jobs", body))

    def list(self) -> Iterator[Job]:
        """Your jobs, newest first."""
        return self._wire.pages("/v1/jobs", Job)

    def get(self, job_id: str) -> Job:
        return from_json(Job, self._wire.get(path("v1", "jobs", job_id)))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; a running one does at its next step. Raises Conflict where it is over."""
        return from_json(Job, self._wire.act(path("v1", "jobs", job_id, "cancel")))

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Wait until the job has succeeded, for `timeout` seconds at most.

        Raises:
            JobFailed: it failed or was cancelled. TimedOut: it still runs.
        """
        found = wait_until(
            lambda: self.get(job_id), lambda job: job.is_over, what="The job", timeout=timeout, sleep=self._wire.sleep
        )
        return succeeded(found)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """The job's story from the event after the id `after` on, as it happens, until the job is over.

        A broken connection is opened again where the story stopped.

        Raises:
            ConnectionFailed: the service cannot be reached any more. NotFound: there is no such job.
        """
        silent = 0
        while True:
            self.get(job_id)  # a stream that has begun cannot say "not found" any more
            try:
                for event in self._stream(job_id, after):
                    if event is None:
                        return
                    after, silent = event.id, 0
                    yield event
                lost = ConnectionFailed("The event stream broke off again and again; ask for the job's state instead.")
            except ConnectionFailed as error:
                lost = error
            except ServerError as error:
                lost = ConnectionFailed(error.detail)
            silent += 1
            if silent > _RECONNECTS:
                raise lost
            self._wire.sleep(min(_FIRST_PAUSE * 2**silent, 5.0))

    def metrics(self, job_id: str) -> tuple[Mapping[str, Any], ...]:
        """The loss curves so far: points `{"stage", "step", "values": {name: value}}` in order."""
        return from_json(_Metrics, self._wire.get(path("v1", "jobs", job_id, "metrics"))).points

    def report(self, job_id: str) -> dict[str, Any]:
        """The evidence, in the form `sdb-report/1`. Raises NotFound where the job has none (yet)."""
        report: dict[str, Any] = self._wire.get(path("v1", "jobs", job_id, "report"))
        return report

    def report_html(self, job_id: str) -> str:
        """The evidence as one HTML document."""
        return self._wire.send("GET", path("v1", "jobs", job_id, "report.html")).text

    def _stream(self, job_id: str, after: int) -> Iterator[JobEvent | None]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        address = path("v1", "jobs", job_id, "events")
        with self._wire.stream(address, headers=headers, timeout=_SILENCE) as response:
            for told in httpx2.EventSource(response):
                if told.event == "end":
                    yield None
                    return
                yield from_json(JobEvent, json.loads(told.data))


def succeeded(job: Job) -> Job:
    """The job, if it ended well. Raises JobFailed with the reason where it did not."""
    if job.state == "succeeded":
        return job
    if job.state == "cancelled":
        raise JobFailed("job_cancelled", f"Job {job.id} was cancelled.", job_id=job.id)
    reason = job.reason or Reason("job_failed", "no reason was given")
    raise JobFailed(reason.code, f"Job {job.id} failed: {reason.detail}", job_id=job.id)


@dataclass(frozen=True)
class _Metrics:
    points: tuple[Mapping[str, Any], ...]
