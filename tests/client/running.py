"""The real web application behind a real socket, in a thread of the test process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

import migrations
from api.app import create_app
from sdb_client import Client
from sdb_service import identity
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings

PART_BYTES = 64 * 1024


@dataclass(frozen=True)
class Service:
    """Where it listens, and the runtime beneath it."""

    url: str
    runtime: Runtime

    def token_of(self, name: str, *, role: identity.Role) -> str:
        """The text of a token of the account `name`, which is opened where there is none."""
        with self.runtime.database.transaction() as session:
            account = identity.create_account(session, name, role=role)
            _, text = identity.issue_token(session, account.id, name="test", key=self.runtime.token_key)
        return text.reveal().decode()

    def client_of(self, name: str, *, role: identity.Role) -> Client:
        return Client(self.url, token=self.token_of(name, role=role))


def small_settings(folder: Path) -> Settings:
    """An embedded service with small limits."""
    return Settings(
        data_dir=folder / "data",
        kek_file=folder / "keys" / "kek",
        token_key_file=folder / "keys" / "token-key",
        part_bytes=PART_BYTES,
        max_upload_bytes=20 * PART_BYTES,
        max_json_bytes=64 * 1024,
        requests_per_minute=1_000_000,
        webhook_poll_seconds=3600,
        account_requests_per_minute=1_000_000,
    )


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Serve on a free port until the block ends."""
    runtime = open_runtime(settings)
    migrations.upgrade(settings)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        server = uvicorn.Server(
            uvicorn.Config(create_app(runtime), log_config=None, timeout_graceful_shutdown=1, access_log=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Service(f"http://127.0.0.1:{listening.getsockname()[1]}", runtime)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
