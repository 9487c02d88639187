"""`python -m sdb_service.launcher serve|worker`: the service on this machine, until a signal or a dead process."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from pydantic import ValidationError

from sdb_service.errors import ServiceError
from sdb_service.launcher.node import WORKERS, Launcher
from sdb_service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """`serve` runs everything on this machine, `worker` the two worker processes alone. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        return _complain("; ".join(str(fault["msg"]) for fault in error.errors()), "settings_invalid")
    if options.command == "serve":
        launcher = Launcher(settings, host=options.host, port=options.port)
    else:
        launcher = Launcher(settings, roles=WORKERS)
    _stop_on_signals(launcher)
    try:
        with launcher:
            _tell(launcher, as_json=options.json)
            launcher.wait()
    except ServiceError as error:
        return _complain(error.detail, error.code)
    sys.stderr.write("SDB has stopped.\n")
    return 0


def _complain(detail: str, code: str) -> int:
    sys.stderr.write(f"sdb: {detail} ({code})\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sdb_service.launcher", description="Run the service here.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="API, dashboard and workers")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    worker = commands.add_parser("worker", help="workers alone")
    for command in (serve, worker):
        command.add_argument("--json", action="store_true", help="print one JSON line on stdout when it is up")
    return parser


def _stop_on_signals(launcher: Launcher) -> None:
    def asked(_number: int, _frame: FrameType | None) -> None:
        launcher.ask_to_stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)


def _tell(launcher: Launcher, *, as_json: bool) -> None:
    is_web = "api" in launcher.roles
    if as_json:
        line = {"api": launcher.urls.api, "dashboard": launcher.urls.dashboard} if is_web else {}
        sys.stdout.write(json.dumps({**line, "logs": str(launcher.logs)}) + "\n")
        sys.stdout.flush()
    if is_web:
        sys.stderr.write(f"SDB is up.\n  API        {launcher.urls.api}\n  dashboard  {launcher.urls.dashboard}\n")
    else:
        sys.stderr.write("SDB workers are up.\n")
    sys.stderr.write(f"  logs       {launcher.logs}\nStop with Ctrl-C.\n")


if __name__ == "__main__":
    sys.exit(main())
