"""What the launcher tells a worker: where to seal, and nothing that opens."""

from pathlib import Path

import psutil
import pytest

from sdb_service.launcher import Launcher
from sdb_service.settings import Settings

pytestmark = pytest.mark.trust


def test_a_launched_worker_is_told_of_the_public_half_and_of_no_private_key(tmp_path: Path) -> None:
    keys = tmp_path / "k"
    settings = Settings(data_dir=tmp_path / "data", kek_file=keys / "kek", token_key_file=keys / "token-key")
    with Launcher(settings, port=0, roles=("api", "checks")):
        api, worker = (
            next(p for p in psutil.Process().children() if p.cmdline()[2:3] == [module]).environ()
            for module in ("api", "celery")
        )
    assert (api["SDB_KEK_FILE"], api["SDB_TOKEN_KEY_FILE"]) == (str(keys / "kek"), str(keys / "token-key"))
    assert (worker["SDB_KEK_FILE"], worker["SDB_TOKEN_KEY_FILE"]) == ("/dev/null", "/dev/null")
    assert worker["SDB_KEK_PUBLIC_FILE"] == str(keys / "kek.pub")
    assert worker["SDB_WORKER_KEY_FILE"] == str(keys / "worker-key")
    assert [name for name, value in worker.items() if value in {str(keys / "kek"), str(keys / "token-key")}] == []
