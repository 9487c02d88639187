"""The service that the demo talks to: started in a folder of its own, with three accounts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sdb_client import Client
from sdb_service import identity
from sdb_service.errors import ServiceError
from sdb_service.launcher import Launcher
from sdb_service.runtime import open_runtime
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
    """Start API and workers on the embedded default and stop them in the end; `port` 0 takes a free one."""
    settings = Settings(
        _env_prefix="SDB_DEMO_",  # what the shell says about your real service does not count here
        data_dir=folder / "data",
        kek_file=folder / "keys" / "kek",
        token_key_file=folder / "keys" / "token-key",
        child_threads=1,
    )
    with ExitStack() as stack:
        with console.status("starting API and workers"):
            try:
                launcher = stack.enter_context(Launcher(settings, port=port))
            except ServiceError as error:
                raise DemoFailed(error.detail) from error
        url = launcher.urls.api
        console.print(f"[green]1[/green] The service runs at {url}, its data in {folder}.")
        admin = stack.enter_context(Client(url, token=_first_admin(settings)))
        provider, _ = _member(admin, "Ada (provider)", "provider", url, stack)
        customer, customer_id = _member(admin, "Carl (customer)", "customer", url, stack)
        public = stack.enter_context(Client(url))
        yield Place(url, folder, provider, customer, public, customer_id)


def _first_admin(settings: Settings) -> str:
    """A token of the first admin, whom the operator otherwise makes with `sdb admin create-admin`."""
    runtime = open_runtime(settings)
    with runtime.database.transaction() as session:
        account = identity.create_account(session, "operator", role="admin")
        _, text = identity.issue_token(session, account.id, name="demo", key=runtime.token_key)
    runtime.database.close()
    return text.reveal().decode()


def _member(admin: Client, name: str, role: str, url: str, stack: ExitStack) -> tuple[Client, str]:
    account = admin.accounts.create(name, role=role)
    token = admin.tokens.issue("demo", account_id=account.id)
    return stack.enter_context(Client(url, token=token.token)), account.id
