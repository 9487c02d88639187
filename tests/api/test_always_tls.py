"""Where people reach the service by https, browsers are told never to come by anything else."""

import sys

import httpx2
import pytest

from tests.servers.processes import free_port, kept, server_folder

pytestmark = pytest.mark.trust

YEAR = "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(("public_url", "told"), [("https://sdb.example", YEAR), ("http://127.0.0.1:8000", None)])
def test_every_answer_says_so(public_url: str, told: str | None) -> None:
    with server_folder("tls") as folder:
        url = f"http://127.0.0.1:{(port := free_port())}"
        env = {
            "SDB_PUBLIC_URL": public_url,
            "SDB_DATA_DIR": str(folder / "data"),
            "HOME": str(folder),
            "PYTHONPATH": ":".join(path for path in sys.path if path),
        }

        def ready() -> bool:
            try:
                return httpx2.get(f"{url}/healthz").is_success
            except httpx2.TransportError:
                return False

        with kept([sys.executable, "-m", "api", "--port", str(port)], folder=folder, ready=ready, env=env):
            answers = [httpx2.get(f"{url}/{path}") for path in ("healthz", "dashboard", "v1/boxes/none", "none")]
            answers.append(httpx2.post(f"{url}/v1/boxes/box_none/predict", content=b"none"))
    assert [answer.headers.get("Strict-Transport-Security") for answer in answers] == [told] * 5
