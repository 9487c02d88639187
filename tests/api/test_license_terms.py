"""What a license is for: each reason reached, each route held against it."""

from typing import Any

import pytest

from sdb_service import clock, licensing
from sdb_service.tables import License
from tests.api.licensed import ALL, ROUTES, code_of, distill, key, look, reasons, weights
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("wanted", [None, ALL, ALL[:1], ALL[1:2], ALL[2:], ALL[:2], ALL[1:], [ALL[0], ALL[2]]])
def test_each_route_gives_what_the_license_is_for_and_nothing_else(
    house: House, provider: Person, customer: Person, wanted: list[str] | None
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, entitlements=wanted)
    entitled = ALL if wanted is None else wanted

    found = {route.__name__: code_of(route(house, customer, held, box)) for route in ROUTES}

    assert found == {
        route.__name__: "given" if needed in entitled else "license_not_entitled" for route, needed in ROUTES.items()
    }
    assert look(house, customer, held)["entitlements"] == entitled
    assert reasons(house, customer, held) == {"": "license_valid"} | {
        each: "license_valid" if each in entitled else "license_not_entitled" for each in ALL
    }


@pytest.mark.parametrize("wanted", [None, ["distill"]])
def test_a_hosted_license_is_for_open_answers_alone(
    house: House, provider: Person, customer: Person, wanted: list[str] | None
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted", entitlements=wanted)

    found = {route.__name__: code_of(route(house, customer, held, box)) for route in ROUTES}

    assert found == {
        route.__name__: "given" if needed == "distill" else "license_hosted" for route, needed in ROUTES.items()
    }


def test_no_row_makes_a_hosted_license_give_key_or_weights(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted")
    with house.runtime.database.transaction() as session:  # as rows from before entitlements have it
        session.get_one(License, held).entitlements = " ".join(ALL)

    assert look(house, customer, held)["entitlements"] == ["distill"]
    assert [code_of(route(house, customer, held, box)) for route in (key, weights)] == ["license_hosted"] * 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mode": "hosted", "entitlements": ["distill", "key:download"]}, "entitlement_not_in_mode"),
        ({"mode": "hosted", "entitlements": ["box:download"]}, "entitlement_not_in_mode"),
        ({"entitlements": []}, "request_invalid"),
        ({"entitlements": ["predict"]}, "request_invalid"),
        ({"valid_for_days": 0}, "request_invalid"),
        ({"valid_for_days": 36_501}, "request_invalid"),
    ],
)
def test_terms_that_do_not_fit_are_refused(
    house: House, provider: Person, customer: Person, changes: dict[str, Any], code: str
) -> None:
    body = {"box_id": house.box(provider), "customer_id": customer.id} | changes

    problem_of(house.post(provider, "/v1/licenses", body), 422, code)

    assert house.count(License, License.customer_id == customer.id) == 0


def test_every_reason_is_reached_and_described(house: House, provider: Person, customer: Person) -> None:
    box, other = house.box(provider), house.box(provider, published=True)
    held = house.license(provider, box, customer, max_downloads=1, max_predictions=2, entitlements=ALL[:2])
    hosted = house.license(provider, other, customer, mode="hosted")
    path = f"/v1/licenses/{held}"

    reached = {code_of(distill(house, house.person("customer"), "", other))}
    for route in (key, distill):
        assert code_of(route(house, customer, held, box)) == "given"
        reached.add(code_of(route(house, customer, held, box)))
    reached |= set(reasons(house, customer, held).values()) | set(reasons(house, customer, hosted).values())
    house.post(provider, f"{path}/suspend")
    reached |= {code_of(key(house, customer, held, box)), reasons(house, customer, held)[""]}
    house.post(provider, f"{path}/reinstate")
    with house.runtime.database.transaction() as session:
        session.get_one(License, held).expires_at = clock.now()
    reached |= {code_of(key(house, customer, held, box)), reasons(house, customer, held)[""]}
    house.post(provider, f"{path}/revoke")
    reached |= {code_of(key(house, customer, held, box)), reasons(house, customer, held)[""]}
    with house.runtime.database.transaction() as session:  # as a re-keying leaves it
        session.get_one(License, held).replaced_by = "lic_next"
    reached |= {code_of(key(house, customer, held, box)), reasons(house, customer, held)[""]}

    assert reached == set(licensing.CURES)
    described = house.http.get("/openapi.json").json()["components"]["schemas"]
    assert set(described["License"]["properties"]["reason"]["enum"]) == set(licensing.CURES)
