"""The one table from kinds of errors to HTTP, answered as problem+json (RFC 9457)."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from sdb_service.errors import QuotaExceeded, ServiceError, TooManyRequests
from sdb_service.logs import request_id
from sdb_service.recording import record_refusal

log = logging.getLogger(__name__)

STATUS = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "gone": 410,
    "too_large": 413,
    "unsupported_media": 415,
    "invalid": 422,
    "too_many": 429,
    "internal": 500,
    "unavailable": 503,
}
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
}
# Refusals that go into the audit log, on methods that change something.
_RECORDED = frozenset({"role_not_allowed", "token_scope_missing"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FRAMEWORK_CODES = {404: "route_not_found", 405: "method_not_allowed", 413: "body_too_large"}
_FRAMEWORK_DETAILS = {
    404: "There is nothing at this address; /docs lists what there is.",
    405: "This address does not take this method; /docs lists which it takes.",
    413: "The body is larger than this address takes; send files through /v1/uploads, batches in parts.",
}


class Problem(JSONResponse):
    """A problem; below `/v2` it also says what is wrong in the one field that the Open Inference Protocol knows."""

    media_type = "application/problem+json"

    def __init__(self, content: dict[str, Any], *, status_code: int, headers: dict[str, str] | None) -> None:
        super().__init__(content, status_code, headers)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if f"{scope['path']}/".startswith("/v2/"):
            content = {"error": f"{self._content['code']}: {self._content['detail']}"} | self._content
            self.body = self.render(content)
            self.headers["Content-Length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def problem(
    status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, extra: dict[str, Any] | None = None
) -> JSONResponse:
    """A problem+json answer."""
    content = {
        "type": f"urn:sdb:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id.get(),
    }
    return Problem(content | (extra or {}), status_code=status, headers=headers)


def from_service_error(error: ServiceError) -> JSONResponse:
    """The answer to an error of the floor below."""
    headers: dict[str, str] = {}
    if error.kind == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if error.kind == "unavailable":
        headers["Retry-After"] = "1"
    if error.kind == "internal":
        log.error("internal error", exc_info=error)
    extra = error.numbers if isinstance(error, QuotaExceeded) else None
    return problem(STATUS[error.kind], error.code, error.detail, headers=headers, extra=extra)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(ServiceError, _service)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def _service(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    if error.code in _RECORDED and request.method not in _SAFE:
        _record(request, error)
    return from_service_error(error)


def _record(request: Request, error: ServiceError) -> None:
    """Write down who tried to do what only others may. The transaction of the act is over by now."""
    caller = request.scope.get("sdb_caller")
    if caller is None:
        return
    route = getattr(request.scope.get("route"), "path_format", "")  # without ids: an address may carry a secret
    detail = {"method": request.method, "route": route}
    database = request.app.state.runtime.database
    owner = caller.account_id
    record_refusal(database, caller, "account.refused", owner, owner=owner, code=error.code, detail=detail)


def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [{"at": ".".join(str(step) for step in fault["loc"]), "why": fault["msg"]} for fault in error.errors()]
    detail = "; ".join(f"{fault['at']}: {fault['why']}" for fault in faults[:5])
    return problem(422, "request_invalid", f"The request does not fit: {detail}.", extra={"errors": faults})


def _framework(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    headers = dict(error.headers) if error.headers else None
    code = _FRAMEWORK_CODES.get(status, f"http_{status}")
    return problem(status, code, _FRAMEWORK_DETAILS.get(status, str(error.detail)), headers=headers)


def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    log.warning("a value the database does not take", extra={"reason": type(error.__cause__).__name__})
    detail = "The request holds a value that cannot be stored, such as a zero byte or too large a number; correct it."
    return problem(422, "value_unstorable", detail)


def _gone(_request: Request, _error: Exception) -> JSONResponse:
    return problem(400, "sender_gone", "The sender went away in the middle of the body; send it again.")


def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=error)
    return problem(500, "internal", "Something broke here; tell the operator the request_id.")
