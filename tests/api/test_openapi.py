"""The description of the API that clients are made from."""

from collections import Counter
from typing import Any

import pytest

from tests.api.seeding import NOBODY, House


@pytest.fixture(scope="module")
def operations(house: House) -> dict[str, dict[str, Any]]:
    """Every operation below /v1 and /v2, by method and path."""
    answer = house.get(NOBODY, "/openapi.json")
    assert answer.status_code == 200, answer.text
    found = {
        f"{method.upper()} {path}": operation
        for path, methods in answer.json()["paths"].items()
        for method, operation in methods.items()
        if path.startswith(("/v1", "/v2"))
    }
    assert len(found) > 44
    return found


def test_every_operation_says_what_it_does(operations: dict[str, dict[str, Any]]) -> None:
    silent = [name for name, found in operations.items() if not (found.get("summary") or found.get("description"))]

    assert silent == []


def test_every_operation_documents_how_it_succeeds(operations: dict[str, dict[str, Any]]) -> None:
    silent = [name for name, found in operations.items() if not any(s.startswith("2") for s in found["responses"])]

    assert silent == []


def test_no_two_operations_share_an_id(operations: dict[str, dict[str, Any]]) -> None:
    counted = Counter(found["operationId"] for found in operations.values())

    assert [name for name, count in counted.items() if count > 1] == []


def test_what_is_made_answers_201_or_202(operations: dict[str, dict[str, Any]]) -> None:
    makers = ("accounts", "tokens", "uploads", "models", "datasets", "jobs", "licenses", "login-links")
    statuses = {name: set(operations[f"POST /v1/{name}"]["responses"]) for name in makers}

    assert {name: statuses[name] & {"200", "201", "202"} for name in makers} == {
        name: {"202"} if name == "jobs" else {"201"} for name in makers
    }


def test_no_shape_shows_what_must_stay_inside(house: House) -> None:
    shapes = house.get(NOBODY, "/openapi.json").json()["components"]["schemas"]
    shown = {name for shape in shapes.values() for name in shape.get("properties", {})}

    assert not shown & {"digest", "sealed", "storage_key", "onnx_key", "checkpoint_key", "report_key", "multipart_ref"}


def test_the_page_of_all_calls_names_each_one_and_loads_nothing_from_elsewhere(house: House) -> None:
    page = house.http.get("/docs")

    assert page.status_code == 200
    for path in house.http.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert "<script" not in page.text
    assert "//" not in page.text.replace("<!doctype html>", "")
