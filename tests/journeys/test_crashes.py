"""What happens to a job when its worker dies, is restarted, or is told to stop."""

from pathlib import Path

import psutil
import pytest

from api.licenses.keys import open_kappa
from sdb_client import Client, InputSpec, Job, JobFailed
from sdb_service.runtime import open_runtime
from sdb_service.tables import Box
from sdb_service.tables import Job as JobRow
from tests.journeys.canary import leaks, needles
from tests.journeys.canary_places import places
from tests.journeys.running import RunningService, running, wait_for
from tests.servers.profiles import Profile

SHORT_LEASE = {
    "SDB_LEASE_SECONDS": "3",
    "SDB_HEARTBEAT_SECONDS": "1",
    "SDB_SWEEP_SECONDS": "1",
    "SDB_CHECKPOINT_SECONDS": "0.3",
}
LONG = {"min_steps": 700, "epochs": 1, "batch_size": 32}


@pytest.fixture
def service(embedded_profile: Profile, tmp_path: Path):
    with running(embedded_profile, tmp_path, **SHORT_LEASE) as started:
        yield started


def started_job(provider: Client, teacher: tuple[Path, InputSpec]) -> Job:
    path, spec = teacher
    upload = provider.uploads.send(path)
    model = provider.models.create(
        name="digits", upload_id=upload.id, architecture="sdb:cnn-mini", num_classes=10, input=spec
    )
    dataset = provider.datasets.create(name="digits", builtin="builtin:digits")
    provider.models.wait(model.id)
    provider.datasets.wait(dataset.id)
    return provider.jobs.create(model.id, dataset.id, config=LONG, evaluate={"level": "none"})


def wrap_steps(provider: Client, job_id: str) -> int | None:
    """Steps done once the wrap is well under way, else None."""
    job = provider.jobs.get(job_id)
    assert job.state in {"queued", "running"}, job
    done = int(job.progress.get("done", 0)) if job.progress.get("stage") == "wrap" else 0
    return done if done > 150 else None


def lowest_step_after_restart(provider: Client, job_id: str, attempt: int) -> int:
    steps = [
        event.data["done"]
        for event in provider.jobs.events(job_id)
        if event.kind == "progress" and event.attempt == attempt and event.data["stage"] == "wrap"
    ]
    return min(steps)


def assert_no_key_was_left(service: RunningService, box_id: str | None) -> None:
    """The job's key is nowhere but sealed, and the workers' copy of it is gone."""
    settings = service.profile.settings
    runtime = open_runtime(settings)
    with runtime.database.reading() as session:
        kappa = open_kappa(session, session.get_one(Box, box_id), runtime=runtime)
        assert session.query(JobRow.id).filter(JobRow.kappa_in_flight.is_not(None)).all() == []
    runtime.database.close()
    assert leaks(places(settings, service.folder), needles(kappa)) == []


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_job_whose_worker_and_child_are_killed_hard_resumes_and_finishes_once(
    service: RunningService, teacher: tuple[Path, InputSpec]
) -> None:
    provider = service.client("provider", "ada")
    job = started_job(provider, teacher)
    wait_for("half a wrap", lambda: wrap_steps(provider, job.id))
    [child] = service.children()
    service.kill("jobs")
    wait_for("the end of the child", lambda: True if not _alive(child) else None, seconds=5)
    service.start("jobs")
    finished = provider.jobs.wait(job.id, timeout=180)
    assert (finished.state, finished.attempt) == ("succeeded", 2)
    assert lowest_step_after_restart(provider, job.id, 2) > 50, "it began again instead of resuming"
    assert len(list(provider.boxes.list())) == 1
    assert_no_key_was_left(service, finished.box_id)
    states = [event.data["state"] for event in provider.jobs.events(job.id) if event.kind == "state"]
    assert states == ["running", "queued", "running", "succeeded"]


def test_a_child_killed_alone_is_started_again_by_its_worker(
    service: RunningService, teacher: tuple[Path, InputSpec]
) -> None:
    provider = service.client("provider", "ada")
    job = started_job(provider, teacher)
    wait_for("half a wrap", lambda: wrap_steps(provider, job.id))
    [child] = service.children()
    child.kill()
    finished = provider.jobs.wait(job.id, timeout=180)
    assert (finished.state, finished.attempt) == ("succeeded", 2)


def test_a_worker_told_to_stop_gives_its_job_back_without_counting_the_attempt(
    service: RunningService, teacher: tuple[Path, InputSpec]
) -> None:
    provider = service.client("provider", "ada")
    job = started_job(provider, teacher)
    wait_for("half a wrap", lambda: wrap_steps(provider, job.id))
    assert service.stop("jobs") == 0
    given_back = provider.jobs.get(job.id)
    assert (given_back.state, given_back.attempt) == ("queued", 0)
    service.start("jobs")
    finished = provider.jobs.wait(job.id, timeout=180)
    assert (finished.state, finished.attempt) == ("succeeded", 1)


def test_a_running_job_can_be_cancelled_and_leaves_nothing_behind(
    service: RunningService, teacher: tuple[Path, InputSpec], tmp_path: Path
) -> None:
    provider = service.client("provider", "ada")
    job = started_job(provider, teacher)
    wait_for("half a wrap", lambda: wrap_steps(provider, job.id))
    provider.jobs.cancel(job.id)
    with pytest.raises(JobFailed) as refused:
        provider.jobs.wait(job.id, timeout=20)
    assert refused.value.code == "job_cancelled"
    wait_for("the end of the child", lambda: True if not service.children() else None, seconds=15)
    assert list(provider.boxes.list()) == []
    files = service.profile.settings.data_dir / "files" / "jobs"
    assert [path for path in files.rglob("*") if path.is_file()] == []
