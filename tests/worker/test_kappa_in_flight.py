"""A worker seals kappa and cannot open it; a retry has it from the workers' own key, until the job is over."""

import gc
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest
from sqlalchemy import select

import migrations
from sdb_service import lifecycle
from sdb_service.errors import KeyServiceUnavailable, LostLease, SealBroken
from sdb_service.lifecycle import JOBS, Claim
from sdb_service.runtime import Runtime, WorkerRuntime, open_runtime, open_worker_runtime
from sdb_service.sealing import key_context, unseal
from sdb_service.sealing.key_ring import FirstKey, PrivateKey
from sdb_service.secret import Secret
from sdb_service.tables import Job, SealedKey
from tests.servers.profiles import Profile
from tests.service.rows import INPUT, add_row, claimed
from worker.supervisor.jobs import run_job
from worker.supervisor.kappa import kappa_of_job

pytestmark = pytest.mark.trust


@pytest.fixture
def api(any_profile: Profile) -> Iterator[Runtime]:
    migrations.upgrade(any_profile.settings)
    opened = open_runtime(any_profile.settings)
    yield opened
    opened.database.close()


@pytest.fixture
def worker(api: Runtime) -> Iterator[WorkerRuntime]:
    opened = open_worker_runtime(api.settings)
    yield opened
    opened.database.close()


def drawn(worker: WorkerRuntime, held: Claim) -> Secret:
    """Kappa as an attempt of the job prepares it."""
    with worker.database.transaction() as session:
        return kappa_of_job(session, held, session.get_one(Job, held.id), INPUT, runtime=worker)


def rows_of(worker: WorkerRuntime, job_id: str) -> tuple[SealedKey, bytes | None, dict[str, Any]]:
    with worker.database.reading() as session:
        job = session.get_one(Job, job_id)
        row = session.execute(select(SealedKey).where(SealedKey.box_id == job.box_id)).scalar_one()
        return row, job.kappa_in_flight, job.resume


def context_of(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)


def reachable(start: object) -> Iterator[object]:
    """Every object that can be had from this one, but for what code can name: modules, classes and functions."""
    seen, waiting = {id(start)}, [start]
    while waiting:
        found = waiting.pop()
        yield found
        for other in gc.get_referents(found):
            # By their types: to ask some objects of torch what they are is a deprecated use of them.
            if id(other) not in seen and not issubclass(type(other), ModuleType | type | FunctionType):
                seen.add(id(other))
                waiting.append(other)


def test_the_api_opens_what_a_worker_sealed_and_no_worker_does(api: Runtime, worker: WorkerRuntime) -> None:
    held = claimed(worker.database, JOBS, add_row(worker.database, JOBS))
    kappa = drawn(worker, held)
    row, _, _ = rows_of(worker, held.id)

    assert unseal(row.sealed, context=context_of(row), keys=api.keys) == kappa
    with pytest.raises(SealBroken):
        unseal(row.sealed, context=context_of(row), keys=worker.in_flight)
    assert not hasattr(worker.sealer, "unwrap")


def test_from_the_worker_s_runtime_no_private_key_can_be_reached(api: Runtime, worker: WorkerRuntime) -> None:
    drawn(worker, claimed(worker.database, JOBS, add_row(worker.database, JOBS)))
    private = api.settings.kek_file.read_bytes()

    assert private not in [found for found in reachable(worker.sealer) if type(found) is bytes]
    assert [found for found in reachable(worker.sealer) if issubclass(type(found), PrivateKey | FirstKey)] == []
    assert [
        found for found in reachable(api.keys) if issubclass(type(found), PrivateKey)
    ] != []  # the search does find one


def test_a_worker_comes_up_and_seals_where_there_are_no_private_keys(api: Runtime, any_profile: Profile) -> None:
    settings = api.settings
    for path in (settings.kek_file, settings.token_key_file):
        path.unlink()
    alone = open_worker_runtime(settings)
    held = claimed(alone.database, JOBS, add_row(alone.database, JOBS))

    assert len(drawn(alone, held)) == 4 * 64
    assert not settings.kek_file.exists()
    assert not settings.token_key_file.exists()
    alone.database.close()


def test_a_retry_has_the_same_kappa(worker: WorkerRuntime) -> None:
    first = claimed(worker.database, JOBS, add_row(worker.database, JOBS))
    kappa = drawn(worker, first)
    with worker.database.transaction() as session:
        lifecycle.remember_state(session, first, {"state": "a/key"})
        lifecycle.retry(session, first)

    assert drawn(worker, claimed(worker.database, JOBS, first.id)) == kappa
    assert rows_of(worker, first.id)[2] == {"state": "a/key"}


@pytest.mark.parametrize("kept", [None, b"sdb2", b"another worker's"])
def test_a_retry_that_cannot_open_what_was_kept_begins_anew(
    api: Runtime, worker: WorkerRuntime, kept: bytes | None
) -> None:
    first = claimed(worker.database, JOBS, add_row(worker.database, JOBS))
    kappa = drawn(worker, first)
    with worker.database.transaction() as session:
        lifecycle.remember_state(session, first, {"state": "a/key"})
        session.get_one(Job, first.id).kappa_in_flight = kept
        lifecycle.retry(session, first)
    another = drawn(worker, claimed(worker.database, JOBS, first.id))
    row, _, resume = rows_of(worker, first.id)

    assert another != kappa
    assert unseal(row.sealed, context=context_of(row), keys=api.keys) == another
    assert resume == {}


def test_a_late_attempt_changes_no_key(api: Runtime, worker: WorkerRuntime) -> None:
    late = claimed(worker.database, JOBS, add_row(worker.database, JOBS))
    with worker.database.transaction() as session:
        lifecycle.retry(session, late)
    kappa = drawn(worker, claimed(worker.database, JOBS, late.id))
    with worker.database.transaction() as session:
        session.get_one(Job, late.id).kappa_in_flight = None

    with pytest.raises(LostLease):
        drawn(worker, late)
    row, _, _ = rows_of(worker, late.id)
    assert unseal(row.sealed, context=context_of(row), keys=api.keys) == kappa


def test_while_the_key_service_is_away_a_job_waits_and_nothing_is_lost(
    worker: WorkerRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise KeyServiceUnavailable("It is away")

    job_id = add_row(worker.database, JOBS)
    with monkeypatch.context() as patch:
        patch.setattr(type(worker.sealer), "wrap", away)
        run_job(worker, job_id)
    with worker.database.reading() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempt, job.owner, job.error_code) == ("queued", 0, None, None)
    drawn(worker, claimed(worker.database, JOBS, job_id))
