"""The doorbell: says one id and nothing else, and never makes a request fail."""

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from sdb_service.broker import make_celery, ring, ring_after_commit
from sdb_service.db import Database
from sdb_service.lifecycle import DATASETS, JOBS, MODELS, Kind
from sdb_service.settings import Settings
from tests.servers.processes import free_port
from tests.servers.profiles import profile_of

BELLS = [
    (JOBS, "sdb.run_job", "jobs", {"job_id": "x_1"}),
    (MODELS, "sdb.check_model", "checks", {"model_id": "x_1"}),
    (DATASETS, "sdb.check_dataset", "checks", {"dataset_id": "x_1"}),
]
any_bell = pytest.mark.parametrize(("kind", "task", "queue", "arguments"), BELLS, ids=[kind.name for kind, *_ in BELLS])


@pytest.fixture
def celery(any_settings: Settings) -> Iterator[Celery]:
    app = make_celery(any_settings)
    yield app
    app.close()


@any_bell
def test_a_message_carries_one_id_and_nothing_else(
    any_settings: Settings, celery: Celery, kind: Kind, task: str, queue: str, arguments: dict[str, str]
) -> None:
    ring(celery, kind, "x_1")
    [message] = _waiting(any_settings, queue)
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([], arguments)
    assert message["headers"]["task"] == task
    assert message["content-type"] == "application/json"
    assert message["properties"]["delivery_info"]["routing_key"] == queue


def test_a_message_that_rings_after_a_commit_waits_for_it(any_settings: Settings, database: Database) -> None:
    app = make_celery(any_settings)
    with database.transaction() as session:
        ring_after_commit(session, app, JOBS, "job_1")
        assert _waiting(any_settings, "jobs") == []
    assert len(_waiting(any_settings, "jobs")) == 1
    app.close()


def test_a_transaction_that_fails_rings_nobody(any_settings: Settings, database: Database) -> None:
    app = make_celery(any_settings)
    with pytest.raises(RuntimeError, match="in the middle"):
        _ring_and_fail(database, app)
    assert _waiting(any_settings, "jobs") == []
    app.close()


def test_a_broker_that_is_down_delays_the_work_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_celery(_settings(tmp_path, f"redis://127.0.0.1:{free_port()}/0"))
    before = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="sdb_service.broker"):
        ring(app, JOBS, "job_1")
    assert time.monotonic() - before < 3, "a request must not wait for a broker that is down"
    app.close()
    [record] = [record for record in caplog.records if record.name == "sdb_service.broker"]
    assert "the sweeper will ring again" in record.getMessage()
    assert "job_1" not in record.getMessage()


def test_a_broker_folder_that_cannot_be_written_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = _settings(tmp_path, "")
    app = make_celery(settings)
    folder = settings.data_dir / "broker" / "messages"
    folder.rmdir()
    folder.write_text("a file where the folder was")
    with caplog.at_level(logging.WARNING, logger="sdb_service.broker"):
        ring(app, JOBS, "job_1")
    app.close()
    assert "the sweeper will ring again" in caplog.text


def test_only_json_is_taken_and_no_result_is_kept(celery: Celery) -> None:
    assert celery.conf.accept_content == ["json"]
    assert celery.conf.task_serializer == "json"
    assert celery.conf.task_ignore_result is True
    assert celery.conf.result_backend is None


def test_the_sweeper_comes_by_itself(any_settings: Settings, celery: Celery) -> None:
    entry = celery.conf.beat_schedule["sweep"]
    assert entry["task"] == "sdb.sweep"
    assert entry["schedule"] == any_settings.sweep_seconds
    assert entry["options"]["queue"] == "checks"


def _waiting(settings: Settings, queue: str) -> list[dict[str, Any]]:
    """The messages in the broker, as anybody who can read it sees them."""
    if settings.embedded_broker:
        files = sorted((settings.data_dir / "broker" / "messages").glob("*"))
        return [json.loads(file.read_text()) for file in files if f".{queue}.msg" in file.name]
    with Redis.from_url(settings.broker_url) as client:
        return [json.loads(text) for text in client.lrange(queue, 0, -1)]


def _ring_and_fail(database: Database, app: Celery) -> None:
    with database.transaction() as session:
        ring_after_commit(session, app, JOBS, "job_1")
        raise RuntimeError("in the middle")


def _settings(folder: Path, broker_url: str) -> Settings:
    return profile_of(
        {
            "SDB_DATA_DIR": str(folder / "data"),
            "SDB_KEK_FILE": str(folder / "kek"),
            "SDB_TOKEN_KEY_FILE": str(folder / "token-key"),
            "SDB_BROKER_URL": broker_url,
        }
    ).settings
