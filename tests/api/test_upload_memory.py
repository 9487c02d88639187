"""An upload passes through: the process does not grow with the file."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

import migrations
from sdb_service import identity
from sdb_service.runtime import open_runtime
from sdb_service.settings import Settings
from tests.servers.processes import free_port
from tests.servers.profiles import Profile

PART = 50 << 20
PARTS = 4
BLOCK = bytes(range(256)) * 4096  # 1 MiB


def test_two_hundred_megabytes_in_parts_do_not_stay_in_memory(embedded_profile: Profile, tmp_path: Path) -> None:
    env = embedded_profile.env | {"SDB_PART_BYTES": str(PART)}
    headers = {"Authorization": f"Bearer {provider_token(embedded_profile.settings)}"}
    with serving(env, tmp_path / "log") as (url, process), httpx2.Client(base_url=url, headers=headers) as http:
        whole = hashlib.sha256(BLOCK * (PART * PARTS >> 20)).hexdigest()
        body = {"filename": "big.zip", "size": PART * PARTS, "sha256": whole}
        upload = http.post("/v1/uploads", json=body).raise_for_status().json()
        before, peak = process.memory_info().rss, 0
        for number in range(1, PARTS + 1):
            answer = http.put(
                f"/v1/uploads/{upload['id']}/parts/{number}", content=blocks(process, seen := []), timeout=60
            )
            assert answer.status_code == 200, answer.text
            peak = max(peak, *seen)
        done = http.post(f"/v1/uploads/{upload['id']}/complete", timeout=60)
        peak = max(peak, process.memory_info().rss)

    assert done.json()["state"] == "complete", done.text
    assert (peak - before) / 2**20 < 60


def blocks(process: psutil.Process, seen: list[int]) -> Iterator[bytes]:
    """One part, and what the server holds while it arrives."""
    for _ in range(PART >> 20):
        seen.append(process.memory_info().rss)
        yield BLOCK


def provider_token(settings: Settings) -> str:
    migrations.upgrade(settings)
    runtime = open_runtime(settings)
    with runtime.database.transaction() as session:
        account = identity.create_account(session, "ada", role="provider")
        _, text = identity.issue_token(session, account.id, name="test", key=runtime.token_key)
    runtime.database.close()
    return text.reveal().decode()


@contextmanager
def serving(env: dict[str, str], log: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The application under uvicorn, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=os.environ | env, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until_up(process, log)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def wait_until_up(process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 40
    while not re.search(r"Uvicorn running|startup complete", log.read_text(errors="replace")):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
