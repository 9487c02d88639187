"""What the framework cannot know of an operation: its action, who may call it, and how it refuses.

All refusals are documented here, in one place, from the row of `api/policy.py` and from what the operation takes. The
test that sends every operation what its description allows finds an answer that is missing here.
"""

from collections.abc import Iterable
from typing import Any

from api.errors import TITLES
from api.policy import TABLE, Rule

Operation = dict[str, Any]

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ARRAYS = ("application/x-npy", "application/octet-stream")
_JSON_IMAGES = {
    "type": "object",
    "required": ["images"],
    "properties": {"images": {"type": "array", "description": "[N, H, W, C] pixels or [N, C, H, W] normalised"}},
}
_IMAGES = {
    **dict.fromkeys(("image/png", "image/jpeg", *_ARRAYS, "application/x-safetensors"), _BYTES),
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
        }
    },
    "application/json": {"schema": _JSON_IMAGES},
}
_RAW_BODIES: dict[
    str, dict[str, Any]
] = {  # by the end of the path; read by hand, so the framework knows nothing of them
    "/predict": _IMAGES,
    "/distill": _IMAGES,
    "/trace": _IMAGES,
    "/infer": dict.fromkeys(("application/json", "application/octet-stream"), _BYTES),
    "/parts/{number}": {"application/octet-stream": _BYTES},
}
_RAW_ANSWERS: dict[str, dict[str, Any]] = {
    "/report-schema": {"application/schema+json": {"schema": {"type": "object"}}},
    "/checkpoint": {"application/octet-stream": _BYTES},
    "/key": {"application/octet-stream": _BYTES},
}
_FREE = ("service.describe", "service.health")  # no token is looked at
_UNCOUNTED = ("/healthz", "/readyz", "/metrics", "/v2/health/")
_MAY_BE_AWAY = ("box.describe", "box.predict", "box.distill")


def describe(found: dict[str, Any], actions: Iterable[tuple[str, str, str | None]]) -> None:
    """Complete an OpenAPI description in place."""
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _problem_schema()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "description": "A token: sdb_..."}}
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own, which is never answered
        components["schemas"].pop(name, None)
    for method, path, action in actions:
        operation = found["paths"].get(path, {}).get(method.lower())
        if operation is not None and action is not None:
            _complete(operation, path, TABLE[action], is_change=method != "GET")


def _complete(operation: Operation, path: str, rule: Rule, *, is_change: bool) -> None:
    operation["x-sdb-action"] = rule.action
    operation["security"] = _security(rule)
    for end, content in _RAW_BODIES.items():
        if path.endswith(end):
            operation["requestBody"] = {"required": True, "content": content}
    for end, content in _RAW_ANSWERS.items():
        if path.endswith(end):
            operation["responses"]["200"]["content"] = content
    if path.endswith(("/predict", "/distill")):
        operation["responses"]["200"]["content"] |= dict.fromkeys(_ARRAYS, _BYTES)
    if path.endswith("/infer"):
        operation["responses"]["200"]["content"]["application/octet-stream"] = _BYTES
    operation["responses"].pop("422", None)
    for status in sorted(_refusals(operation, path, rule, is_change=is_change)):
        operation["responses"][str(status)] = {"description": TITLES[status], "content": _PROBLEM}


def _security(rule: Rule) -> list[dict[str, list[str]]]:
    if rule.action in _FREE:
        return []
    needed: dict[str, list[str]] = {"bearer": [rule.scope] if rule.scope else []}
    return [{}, needed] if rule.public else [needed]


def _refusals(operation: Operation, path: str, rule: Rule, *, is_change: bool) -> set[int]:
    has_body = "requestBody" in operation
    statuses: set[int] = set()
    if rule.action not in _FREE:
        statuses |= {401, 403}
    if not path.startswith(_UNCOUNTED):
        statuses.add(429)
    if "{" in path or has_body:
        statuses.add(404)
    if operation.get("parameters") or has_body:
        statuses |= {400, 422}
    if is_change:
        statuses.add(409)
    if has_body:
        statuses.add(413)
    if path.endswith(("/predict", "/distill", "/trace", "/infer")):
        statuses.add(415)
    if rule.action in _MAY_BE_AWAY or path.endswith("/ready"):
        statuses.add(503)
    return statuses


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457. `code` is for machines and never changes; `detail` names the cure.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": text,
            "request_id": {"type": ["string", "null"]},
            "errors": {
                "type": "array",
                "items": {"type": "object", "required": ["at", "why"], "properties": {"at": text, "why": text}},
            },
            "error": text | {"description": "Below /v2 alone: what the Open Inference Protocol knows of an error."},
        },
    }
