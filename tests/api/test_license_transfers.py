"""A license that is given to another customer: who has lost it, and whose key is whose."""

import numpy as np
import pytest

from api.predictions.holding import count, licensed_standing
from sdb_service.errors import Forbidden
from sdb_service.identity import Caller
from sdb_service.tables import AuditEvent
from tests.api.licensed import ROUTES, code_of, distill, key
from tests.api.networks import INPUT, NPY, as_npy, random_network
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

WIDE = INPUT | {"height": 32, "width": 32}
KAPPA = np.random.default_rng(3).normal(size=(3, 32, 32)).astype("<f4").tobytes()


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


@pytest.mark.parametrize(
    ("act", "body", "code"),
    [
        ("transfer", {}, "license_missing"),
        ("suspend", None, "license_suspended"),
        ("revoke", None, "license_revoked"),
    ],
)
def test_a_process_that_has_not_heard_of_it_yet_counts_nothing_for_who_lost_the_right(
    each_house: House, act: str, body: dict[str, str] | None, code: str
) -> None:
    house, provider = each_house, each_house.person("provider")
    old, new, box = house.person("customer"), house.person("customer"), house.box(provider)
    held, runtime = house.license(provider, box, old, mode="hosted"), house.runtime
    with runtime.database.reading() as session:  # as another process holds it for up to a second
        known = licensed_standing(session, Caller(old.id, "customer", ""), box, runtime=runtime)
    with runtime.database.transaction() as session:
        count(session, known, images=2)

    filled = body if body is None else {"customer_id": new.id}
    assert house.post(provider, f"/v1/licenses/{held}/{act}", filled).status_code == 200

    with pytest.raises(Forbidden) as refused, runtime.database.transaction() as session:
        count(session, known, images=1)
    assert refused.value.code == code
    assert house.get(provider, f"/v1/licenses/{held}").json()["predictions"] == 2


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
