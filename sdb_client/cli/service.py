"""`sdb serve`, `sdb worker`: the service itself, which stands beside this package and is not imported by it."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from sdb_client.cli.options import Json
from sdb_client.cli.output import say


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    as_json: Json = False,
) -> None:
    """Run API, dashboard and workers on this machine."""
    options = ["--host", host, "--port", str(port), *json_flag(as_json=as_json)]
    become("sdb_service.launcher", ["serve", *options])


def worker(as_json: Json = False) -> None:
    """Run the workers alone, on a machine with an accelerator."""
    become("sdb_service.launcher", ["worker", *json_flag(as_json=as_json)])


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Turn this process into `python -m module`: signals, terminal and exit status are then the service's own."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        say("sdb: The service is not installed here, only its SDK; install the package sdb-service. (not_installed)")
        raise typer.Exit(1)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own module


def json_flag(*, as_json: bool) -> list[str]:
    return ["--json"] if as_json else []
