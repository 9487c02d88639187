"""Around every dashboard answer: security headers, and problems told as pages instead of JSON."""

import json
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dashboard.rendering import page

# Plotly writes style elements and attributes; scripts come from our own files alone.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class DashboardFrame:
    """Stands outside the rest of the application, so that also its limits and crashes are answered as pages."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_dashboard(scope["path"]):
            await self.app(scope, receive, send)
            return
        held: Message | None = None
        body = bytearray()

        async def send_framed(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                _secure(message)
                if _is_problem(message):
                    held = message
                    return
            if held is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await _send_page(json.loads(body), held, scope, send)

        await self.app(scope, receive, send_framed)


def _is_dashboard(path: str) -> bool:
    return path == "/dashboard" or path.startswith("/dashboard/")


def _is_problem(message: Message) -> bool:
    return "problem+json" in Headers(raw=message["headers"]).get("content-type", "")


def _secure(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Cache-Control", "no-store")


async def _send_page(problem: dict[str, Any], start: Message, scope: Scope, send: Send) -> None:
    viewer = scope.get("sdb_viewer")
    path = scope["path"]
    wants_sign_in = start["status"] == HTTPStatus.UNAUTHORIZED
    answer = page(
        "signed_out.html" if wants_sign_in else "problem.html",
        None if wants_sign_in else viewer,
        status=start["status"],
        problem=problem,
        back=path.rsplit("/", 1)[0] if scope["method"] == "POST" and path.count("/") > 2 else None,
    )
    headers = MutableHeaders(scope=start)
    del headers["www-authenticate"]  # a browser has no token to offer
    headers["content-type"] = answer.headers["content-type"]
    headers["content-length"] = answer.headers["content-length"]
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
