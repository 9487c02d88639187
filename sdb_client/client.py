"""The way in: one client, its resources as attributes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from sdb_client.accounts import Accounts, LoginLink, Tokens
from sdb_client.audit import Audit
from sdb_client.boxes import Box, Boxes
from sdb_client.http import Wire
from sdb_client.jobs import Jobs
from sdb_client.licenses import Licenses
from sdb_client.models import Datasets, InputSpec, Models
from sdb_client.people import Invitations, Users
from sdb_client.shapes import from_json
from sdb_client.uploads import Uploads
from sdb_client.usage import Quotas, Usage
from sdb_client.webhooks import Webhooks
from sdb_client.wrapping import OnEvent, WrapEvent, Wrapping, wrap


class Client:
    """A connection to an SDB service.

        with Client("https://sdb.example.org", token="sdb_...") as client:
            box = client.wrap("net.safetensors", dataset="builtin:digits", ...)

    `timeout` in seconds bounds each step of a request. `transport` takes the place of the network, for tests and
    proxies. All methods raise children of `SDBError`. A client may be used from several threads.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._wire = Wire(url, token=token, transport=transport, timeout=timeout)
        self.accounts = Accounts(self._wire)
        self.tokens = Tokens(self._wire)
        self.users = Users(self._wire)
        self.invitations = Invitations(self._wire)
        self.uploads = Uploads(self._wire)
        self.models = Models(self._wire)
        self.datasets = Datasets(self._wire)
        self.jobs = Jobs(self._wire)
        self.boxes = Boxes(self._wire)
        self.licenses = Licenses(self._wire)
        self.audit = Audit(self._wire)
        self.webhooks = Webhooks(self._wire)
        self.quotas = Quotas(self._wire)

    @property
    def url(self) -> str:
        return self._wire.url

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def login_link(self) -> LoginLink:
        """A way into the dashboard that works once and for a quarter of an hour."""
        return from_json(LoginLink, self._wire.act("/v1/login-links", repeatable=True))

    def usage(self) -> Usage:
        """What your account uses, has reserved and may use."""
        return self.quotas.mine()

    def wrap(  # noqa: PLR0913 - each is one word of the sentence that the caller says
        self,
        checkpoint: Path | str,
        *,
        dataset: Path | str,
        architecture: str,
        num_classes: int,
        input: InputSpec,  # the name of the field in HTTP
        policy: str = "sdb-hardened",
        name: str | None = None,
        class_names: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        evaluate: Mapping[str, Any] | None = None,
        precision: str = "float32",
        seed: int = 0,
        on_event: OnEvent | None = None,
    ) -> Box:
        """Upload a checkpoint and its data set, wrap it, and return the box.

        `dataset` is a path, or `builtin:digits`; `precision` as in `jobs.create`. `on_event` is told how far it is.

        Raises:
            Rejected: the model or the data set was refused. JobFailed: the job ended without a box.
        """
        wanted = Wrapping(
            checkpoint=Path(checkpoint),
            dataset=dataset,
            architecture=architecture,
            num_classes=num_classes,
            input=input,
            policy=policy,
            name=name,
            class_names=class_names,
            config=config,
            evaluate=evaluate,
            precision=precision,
            seed=seed,
        )
        return wrap(self, wanted, on_event or _listen_to_nothing)


def _listen_to_nothing(_event: WrapEvent) -> None:
    """Nobody asked to be told."""
