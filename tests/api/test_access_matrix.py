"""Every route of the description x everybody x their own, a stranger's and a missing object: as the policy says."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from safetensors.numpy import save

from api import access_page, policy
from api.access import actions_of
from api.policy import ANY, HELD, NOTHING, OWN, SHOWN, Rule
from tests.api.belongings import CONTENT, World, missing, token_of
from tests.api.networks import INPUT, NPY, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person, kappa_of
from tests.house.tree import ROOT

pytestmark = pytest.mark.trust

WHO = ("public", "customer", "licensed", "member", "owner", "admin")
SEEING = {"member", "owner", "admin", "licensed"}  # who sees a box of the owner that is not published
IMAGES = (NPY, as_npy(random_pixels(1)))
PIXELS = {"name": "input", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": [0] * 192}
RAW = {
    "/predict": IMAGES,
    "/distill": IMAGES,
    "/infer": ("application/json", json.dumps({"inputs": [PIXELS]}).encode()),
    "/parts/{number}": ("application/octet-stream", CONTENT),
}
MODEL = {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 10, "input": INPUT}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/accounts": {"name": "<name>", "role": "customer"},
    "PATCH /v1/accounts/{account_id}": {"role": "customer"},
    "POST /v1/tokens": {"name": "x", "account_id": "{account_id}"},
    "POST /v1/uploads": {"filename": "x.zip", "size": 3, "sha256": "0" * 64},
    "POST /v1/models": MODEL | {"upload_id": "{upload_id}"},
    "POST /v1/datasets": {"name": "d", "upload_id": "{upload_id}"},
    "POST /v1/jobs": {"model_id": "{model_id}", "dataset_id": "{dataset_id}"},
    "POST /v1/licenses": {"box_id": "{box_id}", "customer_id": "<customer>"},
    "POST /v1/licenses/{license_id}/renew": {"expires_at": None},
    "POST /v1/licenses/{license_id}/transfer": {"customer_id": "<customer>"},
    "PATCH /v1/accounts/{account_id}/quotas": {},
    "POST /v1/users/{user_id}/rank": {"rank": "owner"},
    "POST /v1/invitations": {"email": "<email>", "account_id": "{account_id}"},
    "POST /v1/webhooks": {"url": "https://8.8.8.8/", "events": ["box.make"]},
}
PASSING = {"date", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


@dataclass(frozen=True)
class Route:
    """One operation of the description, and what it is about: the first id in its path or its body."""

    method: str
    path: str
    rule: Rule

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def subject(self) -> str | None:
        found = re.search(r"\{(\w+)_id\}", f"{self.path} {json.dumps(BODIES.get(self.name))}")
        return found[1] if found else None

    def ask(self, world: World, who: Person, object_id: str) -> Response:
        """The route about an object; what else it needs is the object's owner's."""
        path = self.path.replace("{number}", "1").replace(f"{{{self.subject}_id}}", object_id)
        path = path.replace("{delivery_id}", world.delivery(object_id)) if "{delivery_id}" in path else path
        assert "{" not in path, f"{self.name} names something that no test makes"
        headers, content = dict(who.headers), b""
        for end, (kind, raw) in RAW.items():
            if self.path.endswith(end):
                headers["Content-Type"], content = kind, raw
        if self.path.endswith("/trace"):
            headers["Content-Type"], content = "application/octet-stream", _key_of(object_id)
        if self.name in BODIES:
            headers["Content-Type"], content = "application/json", json.dumps(self._body(world, object_id)).encode()
        return world.house.http.request(self.method, path, headers=headers, content=content)

    def _body(self, world: World, object_id: str) -> dict[str, Any]:
        filled = {
            f"{{{self.subject}_id}}": object_id,
            "<customer>": world.people["customer"].id,
            "<name>": missing("account"),
            "<email>": f"{missing('user')}@example.org",
        }
        if self.path == "/v1/jobs":
            filled["{dataset_id}"] = world.make("dataset", world.owner)
        return {
            key: filled.get(value, value) if isinstance(value, str) else value
            for key, value in BODIES[self.name].items()
        }


def _key_of(box_id: str) -> bytes:
    return save({"kappa": np.frombuffer(kappa_of(box_id), "<f4").reshape(3, 8, 8)})


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
