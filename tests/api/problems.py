"""What every error must look like."""

from typing import Any

from httpx2 import Response

FIELDS = {"type", "title", "status", "detail", "code", "request_id"}


def problem_of(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The problem in an answer, after a look that it is one, with this status and this code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert set(found) >= FIELDS, found
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code), answer.text
    assert found["type"] == f"urn:sdb:problem:{code}"
    assert found["title"]
    assert len(found["detail"]) > 20
    assert found["request_id"] == answer.headers["x-request-id"]
    return found
