"""What a license is for, when it begins to run, and who holds it: each reason reached, each route held against it."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from httpx2 import Response

from sdb_service import clock, licensing
from sdb_service.tables import AuditEvent, License
from tests.api.networks import INPUT, NPY, as_npy, normalised, random_network, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

PIXELS = random_pixels(2)
ALL = ["key:download", "distill", "box:download"]


def key(house: House, who: Person, held: str, _box: str) -> Response:
    return house.get(who, f"/v1/licenses/{held}/key")


def distill(house: House, who: Person, _held: str, box: str) -> Response:
    headers = who.headers | {"Content-Type": NPY}
    return house.http.post(f"/v1/boxes/{box}/distill", content=as_npy(PIXELS), headers=headers)


def hosted_infer(house: House, who: Person, _held: str, box: str) -> Response:
    x = normalised(PIXELS)
    tensor = {"name": "input", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}
    return house.post(who, f"/v2/models/{box}/infer", {"inputs": [tensor], "parameters": {"key": "hosted"}})


def weights(house: House, who: Person, _held: str, box: str) -> Response:
    return house.get(who, f"/v1/boxes/{box}/checkpoint")


def onnx(house: House, who: Person, _held: str, box: str) -> Response:
    return house.get(who, f"/v1/boxes/{box}/checkpoint?format=onnx")


ROUTES = {
    key: "key:download",
    distill: "distill",
    hosted_infer: "distill",
    weights: "box:download",
    onnx: "box:download",
}


def code_of(answer: Response) -> str:
    return "given" if answer.status_code == 200 else str(answer.json()["code"])


def look(house: House, who: Person, held: str) -> dict[str, Any]:
    found: dict[str, Any] = house.get(who, f"/v1/licenses/{held}").json()
    return found


def reasons(house: House, who: Person, held: str) -> dict[str, str]:
    answer = house.get(who, f"/v1/licenses/{held}/validation").json()
    assert answer["valid"] == (answer["reason"] == "license_valid")
    assert all(one["detail"] == licensing.CURES[one["reason"]] for one in answer["gives"])
    return {"": answer["reason"]} | {one["entitlement"]: one["reason"] for one in answer["gives"]}


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

    assert reached == set(licensing.CURES)
    described = house.http.get("/openapi.json").json()["components"]["schemas"]
    assert set(described["License"]["properties"]["reason"]["enum"]) == set(licensing.CURES)


@pytest.mark.parametrize("use", [key, distill, hosted_infer, weights])
def test_the_days_are_counted_from_the_first_use_whatever_it_is(each_house: House, use: Any) -> None:
    house, provider, customer = each_house, each_house.person("provider"), each_house.person("customer")
    box = house.box(provider)
    held = house.license(provider, box, customer, valid_for_days=30)
    before = look(house, customer, held)
    assert (before["expires_at"], before["first_used_at"], before["valid"]) == (None, None, True)

    assert code_of(use(house, customer, held, box)) == "given"
    first = look(house, customer, held)
    assert code_of(key(house, customer, held, box)) == "given"

    began, ends = (datetime.fromisoformat(first[name]) for name in ("first_used_at", "expires_at"))
    assert ends - began == timedelta(days=30)
    assert abs(clock.now() - began) < timedelta(minutes=1)
    again = look(house, customer, held)
    assert (again["first_used_at"], again["expires_at"]) == (first["first_used_at"], first["expires_at"])


def test_what_is_refused_is_no_first_use(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, valid_for_days=30, max_predictions=1, entitlements=ALL[1:2])

    assert [code_of(route(house, customer, held, box)) for route in (key, weights, distill)] == [
        "license_not_entitled",
        "license_not_entitled",
        "license_predictions_used_up",
    ]
    assert look(house, customer, held)["first_used_at"] is None


def test_an_end_that_was_named_stands_where_it_is_sooner(house: House, provider: Person, customer: Person) -> None:
    box, soon = house.box(provider), clock.after(3600).isoformat()
    held = house.license(provider, box, customer, valid_for_days=30, expires_at=soon)

    assert code_of(key(house, customer, held, box)) == "given"

    assert datetime.fromisoformat(look(house, customer, held)["expires_at"]) == datetime.fromisoformat(soon)


def test_a_renewal_names_an_end_in_place_of_the_days(house: House, provider: Person, customer: Person) -> None:
    box, later = house.box(provider), clock.after(90 * 86_400).isoformat()
    held = house.license(provider, box, customer, valid_for_days=30)

    assert house.post(provider, f"/v1/licenses/{held}/renew", {"expires_at": later}).status_code == 200
    assert code_of(key(house, customer, held, box)) == "given"

    found = look(house, customer, held)
    assert found["valid_for_days"] is None
    assert datetime.fromisoformat(found["expires_at"]) == datetime.fromisoformat(later)


def test_a_transferred_license_is_lost_to_its_holder_at_once_and_stays_counted(each_house: House) -> None:
    house, provider = each_house, each_house.person("provider")
    old, new, box = house.person("customer"), house.person("customer"), house.box(provider)
    held = house.license(provider, box, old, max_downloads=2)
    assert code_of(key(house, old, held, box)) == "given"

    answer = house.post(provider, f"/v1/licenses/{held}/transfer", {"customer_id": new.id}).json()

    assert (answer["customer_id"], answer["transfers"], answer["downloads"]) == (new.id, 1, 1)
    assert {code_of(route(house, old, held, box)) for route in ROUTES} == {"license_not_found", "box_not_found"}
    problem_of(house.get(old, f"/v1/licenses/{held}"), 404, "license_not_found")
    assert [code_of(key(house, new, held, box)) for _ in range(2)] == ["given", "license_downloads_used_up"]
    assert code_of(distill(house, new, held, box)) == "given"
    with house.runtime.database.reading() as session:
        row = session.query(AuditEvent).filter_by(action="license.transfer", object_id=held).one()
        assert row.detail == {"from_customer_id": old.id, "to_customer_id": new.id, "downloads": 1}


def test_a_transfer_goes_to_another_customer_and_from_no_revoked_license(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    held = house.license(provider, house.box(provider), customer)
    path, other = f"/v1/licenses/{held}/transfer", house.person("customer")

    problem_of(house.post(provider, path, {"customer_id": customer.id}), 422, "customer_same")
    problem_of(house.post(provider, path, {"customer_id": provider.id}), 422, "customer_role")
    problem_of(house.post(provider, path, {"customer_id": "acc_none"}), 404, "account_not_found")
    problem_of(house.post(customer, path, {"customer_id": other.id}), 404, "license_not_found")
    assert house.post(admin, path, {"customer_id": other.id}).status_code == 200
    house.post(provider, f"/v1/licenses/{held}/revoke")
    problem_of(house.post(provider, path, {"customer_id": customer.id}), 409, "license_state")


WIDE = INPUT | {"height": 32, "width": 32}
KAPPA = np.random.default_rng(3).normal(size=(3, 32, 32)).astype("<f4").tobytes()


def test_who_lost_a_delivered_license_gets_open_answers_under_its_mark_for_ever(
    house: House, provider: Person, customer: Person
) -> None:
    # With the weights, which came with it, answers under kappa itself would give kappa away, and a key without a mark.
    network = random_network(side=32)
    pixels = as_npy(np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))
    box, other = house.box(provider, input=WIDE, kappa=KAPPA, onnx_sha256=network.sha256), house.person("customer")
    house.runtime.storage.put_bytes(f"boxes/{box}.onnx", network.content)

    def answers(who: Person) -> list[list[float]]:
        headers = who.headers | {"Content-Type": NPY}
        found = house.http.post(f"/v1/boxes/{box}/distill", content=pixels, headers=headers)
        return [row["logits"] for row in found.json()["predictions"]]

    held = house.license(provider, box, customer)
    as_holder = answers(customer)
    house.post(provider, f"/v1/licenses/{held}/transfer", {"customer_id": other.id})
    house.license(provider, box, customer, mode="hosted")

    np.testing.assert_allclose(answers(customer), as_holder, atol=1e-6)
    assert not np.allclose(answers(other), as_holder, atol=1e-3)


def test_each_holder_of_a_license_is_named_by_their_own_key(house: House, provider: Person, customer: Person) -> None:
    box, new = house.box(provider, input=WIDE, kappa=KAPPA), house.person("customer")
    held = house.license(provider, box, customer)
    files = [key(house, customer, held, box).content]
    house.post(provider, f"/v1/licenses/{held}/transfer", {"customer_id": new.id})
    files.append(key(house, new, held, box).content)

    headers = provider.headers | {"Content-Type": "application/octet-stream"}
    told = [house.http.post(f"/v1/boxes/{box}/trace", content=file, headers=headers).json() for file in files]

    assert [[one["customer_id"] for one in trace["licenses"]] for trace in told] == [[customer.id], [new.id]]
    assert [trace["licenses"][0]["license_id"] for trace in told] == [held, held]
