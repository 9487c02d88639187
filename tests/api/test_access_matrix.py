"""Every route of the description x everybody x their own, a stranger's and a missing object: as the policy says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response

from api import access_page, policy
from api.access import actions_of
from api.policy import ANY, HELD, NOTHING, OWN, SHOWN, Rule
from tests.api.belongings import World, missing, token_of
from tests.api.matrix import Route
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House
from tests.house.tree import ROOT

pytestmark = pytest.mark.trust

WHO = ("public", "customer", "licensed", "member", "owner", "admin")
SEEING = {"member", "owner", "admin", "licensed"}  # who sees a box of the owner that is not published
PASSING = {"date", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"}


@pytest.fixture(scope="module")
def world(house: House) -> World:
    return World.on(house)


@pytest.fixture(scope="module")
def routes(house: House) -> list[Route]:
    """Every operation of the description."""
    paths = house.get(NOBODY, "/openapi.json").json()["paths"]
    found = [
        Route(method.upper(), path, policy.TABLE[operation["x-sdb-action"]])
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    assert len(found) > 55
    return found


def expected(rule: Rule, who: str, whose: str) -> str:
    """What the policy's cell means for one object, in one word."""
    reach = rule.reach("customer" if who == "licensed" else who)  # type: ignore[arg-type]
    if reach is None:
        return "refused"
    if rule.action == "box.distill" and whose != "missing":
        if who == "licensed" and whose == "own":
            return "through"
        return "told" if whose == "published" or who == "admin" or (who in SEEING and whose == "own") else "missing"
    if whose == "missing" or reach is NOTHING:
        return "missing"
    if reach is ANY or (reach is SHOWN and whose == "published"):
        return "through"
    is_theirs = {OWN: whose == "own", HELD: whose == "own" and who == "licensed"}
    return "through" if is_theirs.get(reach, whose == "own" and who in SEEING) else "missing"


def found_out(answer: Response, who: str) -> str:
    """What happened, in the same words; anything else is told as it is."""
    if answer.status_code < 300:
        return "through"
    code = answer.json()["code"]
    if (answer.status_code, code) == ((401, "token_missing") if who == "public" else (403, "role_not_allowed")):
        return "refused"
    if answer.status_code == 404 and code.endswith("_not_found") and code != "route_not_found":
        return "missing"
    return "told" if (answer.status_code, code) == (403, "license_missing") else f"{answer.status_code} {answer.text}"


def told(answer: Response, object_id: str) -> tuple[Any, ...]:
    """All of an answer that the sender can learn from, but for the id that they sent."""
    headers = {name: value for name, value in answer.headers.items() if name not in PASSING}
    body = {key: value for key, value in answer.json().items() if key != "request_id"}
    return answer.status_code, headers, json.dumps(body).replace(object_id, "ID")


def objects(world: World, route: Route, who: str) -> Iterator[tuple[str, str]]:
    """Whose it is, and the id; each fresh, since the route may change or end it."""
    assert route.subject is not None
    yield "own", world.make(route.subject, world.owner, route=route.path, who=who)
    yield "foreign", world.make(route.subject, world.stranger, route=route.path, who=who)
    yield "missing", missing(route.subject)
    if SHOWN in (route.rule.customer, route.rule.public) or route.rule.action == "box.distill":
        yield "published", world.house.box(world.stranger, published=True)


@pytest.mark.parametrize("who", WHO)
def test_every_route_answers_everybody_about_every_object_as_the_policy_says(
    world: World, routes: list[Route], who: str
) -> None:
    wrong = []
    for route in routes:
        if route.subject is None:
            continue
        answers = {}
        for whose, object_id in objects(world, route, who):
            answer = route.ask(world, world.people[who], object_id)
            found, right = found_out(answer, who), expected(route.rule, who, whose)
            if found != right:
                wrong.append(f"{route.name} of {whose}: {found}, not {right}")
            answers[whose] = told(answer, object_id) if answer.status_code >= 400 else (found,)
        alike = expected(route.rule, who, "foreign") == expected(route.rule, who, "missing")
        if alike and answers["foreign"] != answers["missing"]:
            wrong.append(f"{route.name}: {answers['foreign']} tells a stranger's from a missing {answers['missing']}")

    assert wrong == []


@pytest.mark.parametrize("who", WHO)
def test_every_route_without_an_object_answers_everybody_as_the_policy_says(
    world: World, routes: list[Route], who: str
) -> None:
    wrong = []
    for route in (route for route in routes if route.subject is None):
        answer = route.ask(world, world.people[who], "none")
        reach = route.rule.reach("customer" if who == "licensed" else who)  # type: ignore[arg-type]
        if found_out(answer, who) != ("refused" if reach is None else "through"):
            wrong.append(f"{route.name}: {answer.status_code} {answer.text[:200]}")
        if reach is NOTHING and answer.json()["data"] != []:
            wrong.append(f"{route.name}: {answer.text}")

    assert wrong == []


def allowed(world: World, route: Route) -> str:
    """Somebody with an account whom the route lets through to an object of theirs."""
    by_standing = {"owner": route.rule.owner, "licensed": route.rule.customer, "admin": route.rule.admin}
    return next(who for who, reach in by_standing.items() if reach not in (None, NOTHING))


def test_a_token_without_the_scope_of_a_route_is_refused_and_one_with_it_alone_passes(
    world: World, routes: list[Route]
) -> None:
    wrong = []
    for route in (route for route in routes if route.rule.scope):
        assert route.rule.scope is not None
        who = allowed(world, route)
        others = [scope for scope in policy.SCOPES if scope != route.rule.scope]
        account = world.people[who].id
        for scopes, right in ((others, 403), ([route.rule.scope], 200)):
            object_id = world.make(route.subject, world.owner, route=route.path, who=who) if route.subject else ""
            answer = route.ask(world, token_of(world.house, account, scopes=scopes), object_id)
            if right == 403:
                problem_of(answer, 403, "token_scope_missing")
            elif answer.status_code >= 300 and answer.json()["code"] not in ("scopes_beyond_yours", "account_is_yours"):
                wrong.append(f"{route.name}: {answer.status_code} {answer.text}")

    assert wrong == []


def test_what_would_give_more_than_a_token_has_takes_a_token_without_scopes(world: World, routes: list[Route]) -> None:
    whole = [route for route in routes if route.rule.whole]
    assert whole
    for route in whole:
        account = world.people[allowed(world, route)].id
        limited = token_of(world.house, account, scopes=list(policy.SCOPES))
        problem_of(route.ask(world, limited, "none"), 403, "token_scope_missing")


def test_every_row_of_the_policy_is_of_some_route(house: House) -> None:
    app: Any = house.http.app
    assert {action for _, _, action in actions_of(app)} == set(policy.TABLE)


def test_the_page_of_the_policy_is_current(house: House) -> None:
    app: Any = house.http.app
    written = (ROOT / "docs" / "access.md").read_text()

    assert written == access_page.page_of(actions_of(app)), "run: python -m api.access_page > docs/access.md"
