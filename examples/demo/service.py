"""The service that the demo talks to: started in a folder of its own, with three accounts."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sdb_client import Client
from sdb_service.launcher import Launcher, LauncherError
from sdb_service.settings import Settings


class DemoFailed(Exception):
    """A step of the demo did not work; the message says which and where to look."""


@dataclass(frozen=True)
class Place:
    """A running service, and a client for each of the people in the story."""

    url: str
    folder: Path
    provider: Client
    customer: Client
    public: Client
    customer_id: str


@contextmanager
def running(folder: Path, *, port: int, console: Console) -> Iterator[Place]:
    """Start API and worker on the embedded default and stop them in the end."""
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}"
    variables = {
        "SDB_DATA_DIR": str(folder / "data"),
        "SDB_KEK_FILE": str(folder / "keys" / "kek"),
        "SDB_TOKEN_KEY_FILE": str(folder / "keys" / "token-key"),
        "SDB_PUBLIC_URL": url,
    }
    cleared = {name: value for name, value in os.environ.items() if not name.startswith("SDB_")}  # noqa: TID251
    env = cleared | variables
    settings = Settings(
        data_dir=folder / "data",
        kek_file=folder / "keys" / "kek",
        token_key_file=folder / "keys" / "token-key",
        public_url=url,
    )
    token = _first_admin(env)
    with ExitStack() as stack:
        launcher = Launcher(settings, port=port, env=env)
        with console.status("starting API and worker"):
            try:
                launcher.start()
            except LauncherError as error:
                raise DemoFailed(str(error)) from error
        stack.callback(launcher.stop)
        console.print(f"[green]1[/green] The service runs at {url}, its data in {folder}.")
        admin = stack.enter_context(Client(url, token=token))
        provider, _ = _member(admin, "Ada (provider)", "provider", url, stack)
        customer, customer_id = _member(admin, "Carl (customer)", "customer", url, stack)
        public = stack.enter_context(Client(url))
        yield Place(url, folder, provider, customer, public, customer_id)


def _first_admin(env: dict[str, str]) -> str:
    """What the operator does once: `sdb admin create-admin`."""
    line = [sys.executable, "-m", "sdb_service.admin", "create-admin", "--name", "operator", "--json"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DemoFailed(f"the first admin could not be made: {done.stderr[-2000:]}")
    return str(json.loads(done.stdout)["token"])


def _member(admin: Client, name: str, role: str, url: str, stack: ExitStack) -> tuple[Client, str]:
    account = admin.accounts.create(name, role=role)
    token = admin.tokens.issue("demo", account_id=account.id)
    return stack.enter_context(Client(url, token=token.token)), account.id


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
