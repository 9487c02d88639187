"""The whole way from a checkpoint to a box in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdb_client.boxes import Box
from sdb_client.jobs import Job, JobEvent, succeeded
from sdb_client.models import InputSpec
from sdb_client.uploads import Upload

if TYPE_CHECKING:
    from sdb_client.client import Client

BUILTIN = "builtin:"


@dataclass(frozen=True)
class WrapEvent:
    """How far a wrap is.

    `stage` is `upload_model`, `upload_dataset` (done and total in bytes), `check_model`, `check_dataset`, `job`
    (once, when it is queued) or `event` (each line of the job's story). `object_id` names what was just made.
    """

    stage: str
    done: int = 0
    total: int = 0
    object_id: str | None = None
    event: JobEvent | None = None


OnEvent = Callable[[WrapEvent], None]


@dataclass(frozen=True)
class Wrapping:
    """What to wrap, and how; the fields are the arguments of `Client.wrap`."""

    checkpoint: Path
    dataset: Path | str
    architecture: str
    num_classes: int
    input: InputSpec
    policy: str
    name: str | None
    class_names: Sequence[str] | None
    config: Mapping[str, Any] | None
    evaluate: Mapping[str, Any] | None
    precision: str
    seed: int


def wrap(client: Client, wanted: Wrapping, on_event: OnEvent) -> Box:
    """Upload, wait for the checks, run the job and follow it to its box.

    Raises:
        Rejected: the model or the data set was refused. JobFailed: the job ended without a box.
    """
    job = start(client, wanted, on_event)
    return follow(client, job.id, on_event)


def start(client: Client, wanted: Wrapping, on_event: OnEvent) -> Job:
    """Everything up to the queued job."""
    name = wanted.name or wanted.checkpoint.stem
    upload = _send(client, wanted.checkpoint, "upload_model", on_event)
    model = client.models.create(
        name=name,
        upload_id=upload.id,
        architecture=wanted.architecture,
        num_classes=wanted.num_classes,
        input=wanted.input,
        class_names=wanted.class_names,
    )
    on_event(WrapEvent("check_model", object_id=model.id))
    dataset_id = _register_dataset(client, wanted.dataset, on_event)
    client.models.wait(model.id)
    client.datasets.wait(dataset_id)
    job = client.jobs.create(
        model.id,
        dataset_id,
        policy=wanted.policy,
        config=wanted.config,
        evaluate=wanted.evaluate,
        precision=wanted.precision,
        seed=wanted.seed,
    )
    on_event(WrapEvent("job", object_id=job.id))
    return job


def follow(client: Client, job_id: str, on_event: OnEvent) -> Box:
    """Tell a job's story as it happens, then give its box. Raises JobFailed."""
    for event in client.jobs.events(job_id):
        on_event(WrapEvent("event", object_id=job_id, event=event))
    job = succeeded(client.jobs.get(job_id))
    assert job.box_id is not None
    return client.boxes.get(job.box_id)


def _register_dataset(client: Client, dataset: Path | str, on_event: OnEvent) -> str:
    if isinstance(dataset, str) and dataset.startswith(BUILTIN):
        made = client.datasets.create(name=dataset.removeprefix(BUILTIN), builtin=dataset)
    else:
        file = Path(dataset)
        upload = _send(client, file, "upload_dataset", on_event)
        made = client.datasets.create(name=file.stem, upload_id=upload.id)
    on_event(WrapEvent("check_dataset", object_id=made.id))
    return made.id


def _send(client: Client, file: Path, stage: str, on_event: OnEvent) -> Upload:
    def tell(done: int, total: int) -> None:
        on_event(WrapEvent(stage, done=done, total=total))

    return client.uploads.send(file, progress=tell)
