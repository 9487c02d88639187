"""Whatever the description allows, and what it forbids, is answered as described: for everybody, on every operation."""

from collections import Counter
from typing import Any

import pytest
import requests
import schemathesis.openapi
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.belongings import World
from tests.api.seeding import NOBODY, House, Person

pytestmark = pytest.mark.trust

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WHO = ("public", "customer", "licensed", "member", "owner", "admin")
SELF = ("Authorization", "X-Schemathesis-TestCaseId")  # the person's own token speaks, not one that is made up
IN_CI, AT_NIGHT = 4, 200  # examples of an operation for each of them


@pytest.fixture(scope="module")
def operations(house: House) -> list[APIOperation]:
    found = [
        one.ok()
        for one in schemathesis.openapi.from_dict(house.get(NOBODY, "/openapi.json").json()).get_all_operations()
    ]
    assert len(found) > 55
    return found


@pytest.fixture(scope="module")
def world(house: House) -> World:
    return World.on(house)


def cases_of(operation: APIOperation, world: World, who: str) -> st.SearchStrategy[Case]:
    """What fits the description, also about an object that is there, and what does not fit it."""
    ways = [operation.as_strategy(GenerationMode.POSITIVE)]
    name = operation.path.partition("{")[2].partition("_id}")[0]
    if name:
        kind, number = name, {"number": 1} if "{number}" in operation.path else {}
        made = world.make(kind, world.owner, route=operation.path, who=who)
        if kind == "box" and who == "public":
            made = world.house.box(world.stranger, published=True)
        real = {f"{kind}_id": made} | number
        ways.append(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=real))
    if operation.path_parameters or operation.query or operation.headers or operation.body:
        ways.append(operation.as_strategy(GenerationMode.NEGATIVE))
    return st.one_of(*ways)


def send(house: House, who: Person, case: Case) -> Any:
    """The case as bytes, to the application in this process."""
    wanted = case.as_transport_kwargs(base_url="http://testserver")
    prepared = requests.Request(**wanted).prepare()
    headers = {name: value for name, value in prepared.headers.items() if name not in SELF} | who.headers
    return house.http.request(prepared.method, prepared.path_url, headers=headers, content=prepared.body or b"")


def faults(operation: APIOperation, world: World, who: str, examples: int, seen: Counter[int]) -> list[str]:
    """What is wrong with the answers to so many cases of one operation."""
    found: list[str] = []

    @seed(1)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases_of(operation, world, who))
    def ask(case: Case) -> None:
        answer = send(world.house, world.people[who], case)
        seen[answer.status_code // 100] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            found.extend(
                f"{operation.label} {answer.status_code}: {one.title} {one.message}" for one in group.exceptions
            )

    ask()
    return found


def assert_as_described(operations: list[APIOperation], world: World, who: str, examples: int) -> None:
    seen: Counter[int] = Counter()
    found = [fault for operation in operations for fault in faults(operation, world, who, examples, seen)]

    assert sorted(set(found)) == []
    assert min(seen[2], seen[4]) > 10, seen  # some of both were tried


@pytest.mark.parametrize("who", WHO)
def test_every_operation_answers_as_described(operations: list[APIOperation], world: World, who: str) -> None:
    assert_as_described(operations, world, who, IN_CI)


@pytest.mark.nightly
@pytest.mark.parametrize("who", WHO)
def test_every_operation_answers_200_examples_as_described(
    operations: list[APIOperation], world: World, who: str
) -> None:
    assert_as_described(operations, world, who, AT_NIGHT)
