"""`python -m api`: the web application under uvicorn, as the launcher and the containers start it."""

import argparse
import gc
import importlib.util

import uvicorn
from fastapi import FastAPI

from api import memory
from api.app import create_app
from sdb_service.settings import Settings

_GRACE_SECONDS = 3
_SHORTCUT = "api.predictions.wire:PredictionProtocol"
_ALWAYS_TLS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")  # RFC 6797; a year


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal."""
    options = _parser().parse_args(arguments)
    uvicorn.run(
        "api.__main__:served_app",
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.processes,
        http=_SHORTCUT if importlib.util.find_spec("httptools") else "auto",
        lifespan="on",
        access_log=False,
        log_level=options.log_level,
        server_header=False,
        headers=[_ALWAYS_TLS] if Settings().public_url.startswith("https://") else [],
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def served_app() -> FastAPI:
    """The application in a process of its own, whose memory is set up for a server.

    The garbage collector need not look at what stays for ever (p99 of a prediction at 64 connections: from 130 to
    32 ms), and the allocator keeps what it has.
    """
    memory.keep()
    app = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return app


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the API and the dashboard.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on")
    parser.add_argument("--processes", type=int, default=1, help="server processes, which share the port")
    parser.add_argument("--log-level", default="info", help="of the server itself; the application's is SDB_LOG_LEVEL")
    return parser


if __name__ == "__main__":
    main()
