"""Forms that another site sends are refused: every unsafe route of the dashboard, taken from the application itself."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.app import create_app
from sdb_service.tables import AuditEvent, DashboardSession, User
from tests.api import people
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

SAFE = {"GET", "HEAD", "OPTIONS"}
# Nobody is signed in yet, so no session's token can be asked for; what browsers say of the sender is.
BEFORE_A_SESSION = {
    "/dashboard/login/{link}",
    "/dashboard/sign-in",
    "/dashboard/sign-in/code",
    "/dashboard/invitations/{link}",
    "/dashboard/passwords/{link}",
}
NOWHERE = "/dashboard/{path:path}"  # answers that there is no such page, whatever is sent
FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://["},
    {"Origin": ""},
]


def unsafe_routes(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route below the dashboard that may change something."""
    found = [
        (method, route.path)
        for route in _flat(app.routes)
        if isinstance(route, APIRoute) and route.path.startswith("/dashboard")
        for method in sorted(route.methods - SAFE)
    ]
    assert len(found) > 20
    return found


def _flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes and those of routers within."""
    for route in routes:
        inner: Any = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _flat(inner.routes)


def _sent_to(path: str) -> str:
    """An address that the route takes."""
    return re.sub(r"{[a-z_:]+}", lambda name: {"{act}": "revoke"}.get(name[0], "x"), path).removeprefix("/dashboard")


@pytest.fixture(scope="module")
def app(house: House) -> FastAPI:
    found: Any = house.http.app
    return found


def test_every_unsafe_route_needs_the_token_of_the_session(house: House, app: FastAPI, admin: Person) -> None:
    ada, bob = people.add(house, admin), people.add(house, admin)
    browser, other = people.signed_in(house, ada), people.signed_in(house, bob)
    passed = {}
    for method, path in unsafe_routes(app):
        if path in BEFORE_A_SESSION or path == NOWHERE:
            continue
        for csrf in ("", "x", other.csrf, browser.csrf[:-1], str(browser.cookie)):
            answer = browser.http.request(method, f"/dashboard{_sent_to(path)}", data={"csrf": csrf, **_FORM})
            if answer.status_code != 403 or "csrf_invalid" not in answer.text:
                passed[f"{method} {path} {csrf[:3]}"] = (answer.status_code, answer.text[:300])

    assert passed == {}
    assert browser.is_signed_in


def test_every_unsafe_route_refuses_what_another_site_sends(house: House, app: FastAPI, admin: Person) -> None:
    ada = people.add(house, admin)
    browser = people.signed_in(house, ada)
    csrf, passed = browser.csrf, {}
    for method, path in unsafe_routes(app):
        if path == NOWHERE:
            continue
        for headers in FROM_ELSEWHERE:
            answer = browser.http.request(
                method, f"/dashboard{_sent_to(path)}", data={"csrf": csrf, **_FORM}, headers=headers
            )
            if answer.status_code != 403 or "form_from_elsewhere" not in answer.text:
                passed[f"{method} {path} {headers}"] = (answer.status_code, answer.text[:300])

    assert passed == {}


def test_the_exceptions_are_routes_and_the_last_one_changes_nothing(
    house: House, app: FastAPI, provider: Person
) -> None:
    browser = people.signed_in(house, people.add(house, provider))
    paths = {path for _, path in unsafe_routes(app)}
    assert BEFORE_A_SESSION | {NOWHERE} <= paths
    before = [house.count(table) for table in (AuditEvent, User, DashboardSession)]

    answers = [browser.http.request(method, "/dashboard/no/such/page") for method, path in unsafe_routes(app)]

    assert {answer.status_code for answer in answers} == {404}
    assert [house.count(table) for table in (AuditEvent, User, DashboardSession)] == before


def test_a_route_that_forgets_its_protection_is_found(house: House, provider: Person) -> None:
    careless = create_app(house.runtime)
    before = unsafe_routes(careless)

    @careless.post("/dashboard/careless")
    def forget() -> str:
        return "done"

    assert set(unsafe_routes(careless)) - set(before) == {("POST", "/dashboard/careless")}


def test_our_own_forms_pass_also_where_the_browser_hides_their_origin(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    ours: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "null"},
        {"Origin": "http://testserver"},
        {"Origin": house.runtime.settings.public_url},
        {},
    ]
    for headers in ours:
        form = {"email": ada.email, "password": people.PASSWORD}
        answer = people.browser(house).http.post("/dashboard/sign-in", data=form, headers=headers)
        assert answer.status_code == 303, headers


_FORM = {
    "email": "x@example.org",
    "password": "nineteen copper kettles",
    "old": "x",
    "new": "nineteen copper kettles",
    "name": "x",
    "code": "123456",
    "step": "x",
    "rank": "member",
    "customer_id": "x",
    "outputs": "labels",
}
