import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sdb_service.errors import Conflict, Unavailable
from sdb_service.launcher import Launcher
from sdb_service.launcher.children import environment_of
from sdb_service.launcher.folder_lock import lock_folder
from sdb_service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", kek_file=tmp_path / "k" / "kek", token_key_file=tmp_path / "k" / "token-key"
    )


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    made = environment_of(settings, inherited=os.environ, public_url="")
    del made["SDB_PUBLIC_URL"]
    return made


def status_of(url: str, path: str = "/healthz") -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def all_gone(processes: list[psutil.Process], *, within: float) -> bool:
    """Whether none of them runs any more; one that only waits to be collected by init does not."""
    _, left = psutil.wait_procs(processes, timeout=within)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in left)


def test_serve_runs_everything_until_it_is_told_to_stop(settings: Settings, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "sdb_client.cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        told = json.loads(node.stdout.readline())
        started = psutil.Process(node.pid).children(recursive=True)
        assert status_of(told["api"]) == 200
        assert told["dashboard"] == f"{told['api']}/dashboard"
        assert sorted(path.name for path in (settings.data_dir / "logs").iterdir()) == [
            "api.log",
            "checks.log",
            "jobs.log",
        ]
        with pytest.raises(Conflict, match=f"process {node.pid}") as refused:
            Launcher(settings, port=0).start()
        assert refused.value.code == "node_running"
        node.send_signal(signal.SIGTERM)
        _, said = node.communicate(timeout=40)

    assert node.returncode == 0
    assert "SDB is up." in said
    assert said.endswith("SDB has stopped.\n")
    assert len(started) >= 3
    assert all_gone(started, within=1)


def test_a_node_that_is_killed_leaves_no_process_behind(environment: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from sdb_service.launcher import Launcher\n"
        "from sdb_service.settings import Settings\n"
        "node = Launcher(Settings(), port=0, roles=['api'])\n"
        "print(node.start().api, flush=True)\n"
        "node.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        assert status_of(node.stdout.readline().strip()) == 200
        started = psutil.Process(node.pid).children(recursive=True)
        node.kill()

    assert started
    assert all_gone(started, within=10)


def test_when_one_process_dies_the_node_says_which_and_stops(settings: Settings) -> None:
    with Launcher(settings, port=0, roles=("api",)) as node:
        victim = next(p for p in psutil.Process().children() if p.cmdline()[1:3] == ["-m", "api"])
        victim.kill()

        with pytest.raises(Unavailable, match=r"'api' died: signal SIGKILL") as died:
            node.wait()

    assert died.value.code == "process_died"
    lock = lock_folder(settings)  # the folder is free again
    assert lock is not None
    lock.close()


def test_a_process_that_does_not_come_up_is_told_with_the_end_of_its_log(settings: Settings) -> None:
    settings.kek_file.parent.mkdir(parents=True)
    settings.kek_file.write_bytes(b"short")

    with pytest.raises(Unavailable, match="exit status") as died:
        Launcher(settings, port=0, roles=("api",)).start()

    assert str(settings.kek_file) in died.value.detail


def test_a_port_in_use_is_refused_before_anything_starts(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=str(port)) as refused:
            Launcher(settings, port=port).start()

    assert refused.value.code == "port_taken"
    assert not (settings.data_dir / "sdb.db").exists()


def test_the_processes_get_these_settings_and_no_others() -> None:
    settings = Settings(data_dir=Path("here"), s3_compatible=True, s3_secret_access_key="hush")  # type: ignore[arg-type]
    inherited = {"PATH": "/bin", "SDB_DATA_DIR": "/elsewhere", "SDB_S3_ENDPOINT_URL": "http://old", "SDB_OTHER": "1"}

    env = environment_of(settings, inherited=inherited, public_url="http://x")

    assert env["SDB_DATA_DIR"] == str(Path("here").absolute())
    assert env["SDB_S3_SECRET_ACCESS_KEY"] == "hush"
    assert (env["PATH"], env["SDB_OTHER"], env["SDB_PUBLIC_URL"]) == ("/bin", "1", "http://x")
    assert "SDB_S3_ENDPOINT_URL" not in env
    assert _settings_in(env, lambda: Settings().s3_compatible) is True


def _settings_in(env: dict[str, str], ask: Callable[[], bool]) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return ask()
