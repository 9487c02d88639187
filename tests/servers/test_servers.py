"""The servers themselves: real, fresh for every test, and gone with whoever started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from redis import Redis
from sqlalchemy import create_engine, inspect, text

from sdb_service.storage import open_storage
from tests.servers.processes import ServerFailed, kept, server_folder
from tests.servers.profiles import Profile

_HOLDER = """
import time
from tests.servers.{module} import {name}
with {name}():
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.production
def test_every_test_gets_an_empty_database_on_a_real_postgres(production_profile: Profile) -> None:
    engine = create_engine(production_profile.settings.effective_database_url)
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version()")).scalar_one()
    tables = inspect(engine).get_table_names()
    engine.dispose()
    assert version.startswith("PostgreSQL")
    assert tables == []


@pytest.mark.production
def test_every_test_gets_an_empty_broker(production_profile: Profile) -> None:
    with Redis.from_url(production_profile.settings.broker_url) as client:
        assert client.dbsize() == 0
        assert client.config_get("save") == {"save": ""}


@pytest.mark.production
def test_every_test_gets_an_empty_bucket(production_profile: Profile) -> None:
    assert open_storage(production_profile.settings).keys("") == []


def test_the_variables_of_a_profile_make_the_same_settings_in_another_process(any_profile: Profile) -> None:
    script = "from sdb_service.settings import Settings; s = Settings(); print(s.effective_database_url, s.s3_bucket)"
    told = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | any_profile.env, capture_output=True, text=True, check=True
    )
    settings = any_profile.settings
    assert told.stdout.strip() == f"{settings.effective_database_url} {settings.s3_bucket}".strip()


@pytest.mark.parametrize(("module", "name"), [("postgres", "postgres"), ("redis", "redis_server"), ("s3", "s3_server")])
@pytest.mark.production
def test_a_server_dies_with_a_test_run_that_is_killed(servers: object, module: str, name: str) -> None:
    script = _HOLDER.format(module=module, name=name)
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    family = psutil.Process(holder.pid).children(recursive=True)
    folders = {folder for process in family if (folder := _folder_of(process)) and folder.name.startswith("sdb-")}
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert family
    assert folders
    assert not alive
    _until_gone(folders)


def test_a_server_that_ends_at_once_says_why() -> None:
    with pytest.raises(ServerFailed, match="no such option"):
        _start_what_cannot_run()


def _start_what_cannot_run() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with server_folder("broken") as folder, kept(command, folder=folder, ready=lambda: False):
        raise AssertionError("it never became ready")


def _folder_of(process: psutil.Process) -> Path | None:
    """Where ``process`` works; None for one that has just ended, as the helpers of a starting server do."""
    try:
        return Path(process.cwd())
    except psutil.NoSuchProcess:
        return None


def _until_gone(folders: set[Path]) -> None:
    end = time.monotonic() + 10
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < end, "the folder of a killed server stays behind"
        time.sleep(0.05)
