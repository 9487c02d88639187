"""`/docs`: every call on one page, made from the OpenAPI description, with no script from anywhere."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import declare
from api.templating import environment

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs", response_class=HTMLResponse, dependencies=declare("service.describe"))
def reference(request: Request) -> HTMLResponse:
    """The calls by resource; `/openapi.json` has the same for programs, with every field."""
    description = request.app.openapi()
    page = environment.get_template("reference.html").render(
        title=description["info"]["title"], summary=description["info"]["summary"], groups=_groups(description)
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _groups(description: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, each with method, path, what it does, and its query parameters."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in description["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(
                    {
                        "method": method.upper(),
                        "path": path,
                        "what": operation.get("description") or operation.get("summary", ""),
                        "query": [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"],
                    }
                )
    return groups
