"""The policy table itself, and that no route escapes it."""

from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi import APIRouter, FastAPI

from api import access_page, policy
from api.access import actions_of, allow, declare, require_declared
from sdb_service.errors import Forbidden
from sdb_service.identity import Caller
from tests.api.seeding import House

pytestmark = pytest.mark.trust

OWNERS_ALONE = (  # of a provider's account; its members may not
    *("license.grant", "license.suspend", "license.reinstate", "license.renew", "license.revoke"),
    *("box.publish", "box.unpublish", "box.download", "box.trace", "model.delete", "dataset.delete"),
    *("account.create", "account.change", "account.close", "login.link"),
)


def an_application(**options: Any) -> FastAPI:
    """An application with a router in a router, one of whose routes is not declared as the options say."""
    inner, outer, app = APIRouter(prefix="/in"), APIRouter(prefix="/v1"), FastAPI()
    inner.get("/declared", dependencies=allow("job.read"))(lambda: None)
    inner.get("/other", **options)(lambda: None)
    outer.include_router(inner)
    app.include_router(outer)
    return app


def test_an_application_with_a_route_that_nobody_declared_is_not_served() -> None:
    with pytest.raises(LookupError, match="GET /v1/in/other"):
        require_declared(an_application())

    require_declared(an_application(dependencies=declare("service.health")))


def test_a_route_cannot_name_an_action_that_is_not_in_the_table() -> None:
    with pytest.raises(LookupError, match=r"license\.gift"):
        allow("license.gift")


def test_every_page_of_the_dashboard_stands_under_a_row_too(house: House) -> None:
    app: Any = house.http.app
    pages = [action for _, path, action in actions_of(app) if path.startswith("/dashboard")]

    assert len(pages) > 25
    assert None not in pages


def test_actions_are_named_once_and_every_scope_is_of_some_row() -> None:
    assert len(policy.TABLE) == len(policy.RULES)
    assert {rule.scope for rule in policy.RULES} - {None} == set(get_args(policy.Scope))


@pytest.mark.parametrize("action", OWNERS_ALONE)
def test_a_member_may_not_do_what_is_an_owners(action: str) -> None:
    with pytest.raises(Forbidden, match="members of a provider"):
        policy.require(Caller("acc_1", "provider", "p", rank="member"), action)


@pytest.mark.parametrize("action", [rule.action for rule in policy.RULES])
def test_nobody_has_less_to_say_than_those_below_them(action: str) -> None:
    rule = policy.TABLE[action]

    assert rule.owner or not rule.member
    assert rule.admin or not rule.owner
    if rule.public:
        assert rule.customer


def test_a_token_without_scopes_may_all_and_one_with_none_nothing_that_has_a_scope() -> None:
    policy.require(Caller("acc_1", "provider", "p"), "license.grant")
    policy.require(Caller("acc_1", "provider", "p", scopes=frozenset()), "account.me")
    with pytest.raises(Forbidden, match="licenses:write"):
        policy.require(Caller("acc_1", "provider", "p", scopes=frozenset()), "license.grant")


def test_the_page_has_a_line_for_every_action_and_names_its_routes(tmp_path: Path) -> None:
    page = access_page.page_of([("GET", "/v1/jobs", "job.list"), ("GET", "/dashboard/jobs", "job.list")])

    assert "| `job.list` | `jobs:read` | any | own | own | none |   | `GET /v1/jobs` |" in page
    assert page.count("\n| `") == len(policy.RULES)
