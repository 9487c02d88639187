"""What every request passes: an id, a log line, security headers, and a size limit that answers as a problem."""

import logging
import re
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from sdb_service.ids import new_id
from sdb_service.logs import request_id

log = logging.getLogger("api.requests")

SANE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LINKS = ("/dashboard/login/", "/dashboard/invitations/", "/dashboard/passwords/")  # what follows works once
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class RequestLog:
    """Gives each request an id, answers it back as `X-Request-Id`, and logs one line for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        token = request_id.set(offered if SANE_ID.fullmatch(offered) else new_id("req"))
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id.get() or ""
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            log.info("request", extra=_line(scope, status, started))
            request_id.reset(token)


class ProblemForTooLarge:
    """The framework answers an oversize body with plain text; this turns it into a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_413(message):
                replaced = True
                answer = problem(
                    413, "body_too_large", "The body is larger than this address takes; send it in smaller parts."
                )
                await answer(scope, receive, send)
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_problem if scope["type"] == "http" else send)


def _is_plain_413(message: Message) -> bool:
    return message["status"] == 413 and "problem+json" not in Headers(raw=message["headers"]).get("content-type", "")


def _shown(path: str) -> str:
    """The path without secrets; the query string is never shown, since people put there what they should not."""
    return next((f"{link}***" for link in _LINKS if path.startswith(link)), path)


def _line(scope: Scope, status: int, started: float) -> dict[str, Any]:
    client = scope.get("client")
    return {
        "method": scope["method"],
        "path": _shown(scope["path"]),
        "status": status,
        "ms": round((time.perf_counter() - started) * 1000, 1),
        "address": client[0] if client else None,
    }
