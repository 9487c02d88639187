"""Every command of docker-compose.yml really starts, outside a container, with the variables compose sets."""

import signal
import subprocess
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import create_engine, inspect

from sdb_service.storage import open_storage
from tests.deploy.description import OURS, exec_form, services, stages
from tests.deploy.running import Stand
from tests.servers.processes import free_port
from tests.servers.profiles import Profile

pytestmark = pytest.mark.production


@pytest.fixture
def stand(production_profile: Profile, tmp_path: Path) -> Stand:
    """As compose has it before the first service that serves: keys handed over, database migrated."""
    (tmp_path / "stand").mkdir()
    made = Stand(production_profile, tmp_path / "stand")
    for service in ("keys", "migrate"):
        with made.running(service) as process:
            assert process.finished() == 0, process.text
    return made


def test_the_commands_are_those_tested_here() -> None:
    assert {name for name, service in services().items() if service["image"].startswith("sdb-")} == set(OURS)


def test_migrate_makes_the_tables_and_the_keys(stand: Stand) -> None:
    engine = create_engine(stand.profile.settings.database_url)
    tables = inspect(engine).get_table_names()
    engine.dispose()
    keys = {file.name: file.stat().st_mode & 0o777 for file in (stand.folder / "keys").iterdir()}
    assert "jobs" in tables
    assert keys == dict.fromkeys(("kek", "token-key", "signing-key", "pgpass", "s3-credentials"), 0o600)


def test_bucket_makes_a_bucket_once(stand: Stand) -> None:
    settings = stand.profile.settings.model_copy(update={"s3_bucket": "sdb-of-the-test"})
    for _ in range(2):
        with stand.running("bucket", env={"SDB_S3_BUCKET": settings.s3_bucket}) as process:
            assert process.finished() == 0, process.text
    storage = open_storage(settings)
    storage.put_bytes("a/file", b"x")
    assert storage.keys("a") == ["a/file"]


def test_the_api_answers_is_healthy_and_ends_when_told(stand: Stand) -> None:
    port = free_port()
    with stand.running("api", arguments={"0.0.0.0": "127.0.0.1", "8000": str(port)}) as api:
        api.wait_for("Application startup complete")
        api.wait_for("Uvicorn running")
        for path in ("/healthz", "/readyz"):
            answer = httpx2.get(f"http://127.0.0.1:{port}{path}")
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert _health_check("api", stand, port=port) == 0
        assert api.stop() in {0, -signal.SIGTERM}
    assert _health_check("api", stand, port=port) != 0


def test_the_api_goes_on_while_redis_is_away(stand: Stand) -> None:
    port = free_port()
    arguments, nowhere = {"0.0.0.0": "127.0.0.1", "8000": str(port)}, f"redis://127.0.0.1:{free_port()}/0"
    with stand.running("api", arguments=arguments, env={"SDB_BROKER_URL": nowhere}) as api:
        api.wait_for("Uvicorn running")
        answer = httpx2.get(f"http://127.0.0.1:{port}/v1/models")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing"), api.text


@pytest.mark.parametrize("service", ["worker", "checks"])
def test_a_worker_comes_up_is_healthy_and_ends_when_told(stand: Stand, service: str) -> None:
    with stand.running(service) as worker:
        worker.wait_for(" ready.")
        assert _health_check("worker", stand) == 0
        assert worker.stop() == 0, worker.text


def test_beat_comes_up_and_ends_when_told(stand: Stand) -> None:
    with stand.running("beat") as beat:
        beat.wait_for("beat: Starting...")
        beat.wait_for("sdb.sweep")
        assert beat.stop() == 0, beat.text


def test_the_images_run_by_themselves_what_compose_runs() -> None:
    assert exec_form(stages()["api"].last("CMD")) == services()["api"]["command"]
    alone = exec_form(stages()["worker"].last("CMD"))
    assert [word if word != "jobs,checks" else "jobs" for word in alone] == services()["worker"]["command"]


def _health_check(target: str, stand: Stand, *, port: int = 8000) -> int:
    """Run the health check of an image; its exit status."""
    text = stages()[target].last("HEALTHCHECK").partition("CMD ")[2].replace("8000", str(port))
    words = exec_form(text) if text.startswith("[") else ["sh", "-c", text]
    environment = stand.environment(target)
    environment["PATH"] = f"{Path(stand.command(['python'])[0]).parent}:{environment['PATH']}"
    return subprocess.run(
        stand.command(words), env=environment, cwd=Path(__file__).parents[2], capture_output=True, check=False
    ).returncode
