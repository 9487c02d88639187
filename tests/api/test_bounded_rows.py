"""Nothing of one account grows without bound: each kind of row is counted and refused beyond its limit."""

import hashlib
from collections.abc import Callable

import pytest
from httpx2 import Response

from sdb_service.quotas import RESOURCES
from sdb_service.settings import Settings
from sdb_service.tables import AuditEvent, Dataset, Token
from tests.api.counting import limit, use_of
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


def _token(house: House, who: Person) -> Response:
    return house.post(who, "/v1/tokens", {"name": "t"})


def _link(house: House, who: Person) -> Response:
    return house.post(who, "/v1/login-links")


def _dataset(house: House, who: Person) -> Response:
    return house.post(who, "/v1/datasets", {"name": "d", "builtin": "builtin:digits"})


def _model(house: House, who: Person) -> Response:
    spec = {"channels": 3, "height": 8, "width": 8, "mean": [0.5] * 3, "std": [0.25] * 3}
    body = {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 3, "input": spec}
    return house.post(who, "/v1/models", {**body, "upload_id": house.upload(who)})


def _once(house: House, who: Person) -> Response:
    digest = hashlib.sha256(b"x").hexdigest()
    body = {"filename": "x.zip", "size": 1, "sha256": digest}
    key = f"key {house.count(AuditEvent)} {len(who.id)} {use_of(house, who, 'idempotency_keys')}"
    return house.post(who, "/v1/uploads", body, Idempotency_Key=key)


def _upload(house: House, who: Person) -> Response:
    return house.post(who, "/v1/uploads", {"filename": "x.zip", "size": 1, "sha256": "0" * 64})


def _license(house: House, who: Person) -> Response:
    body = {"box_id": house.box(who), "customer_id": house.person("customer").id, "mode": "delivered"}
    return house.post(who, "/v1/licenses", body)


@pytest.mark.parametrize(
    ("resource", "ask"),
    [
        ("tokens", _token),
        ("login_links", _link),
        ("open_checks", _dataset),
        ("open_checks", _model),
        ("idempotency_keys", _once),
        ("licenses", _license),
        ("uploads", _upload),
    ],
)
def test_nothing_of_an_account_grows_without_bound(
    house: House, admin: Person, provider: Person, resource: str, ask: Callable[[House, Person], Response]
) -> None:
    limit(house, admin, provider, **{resource: use_of(house, provider, resource)[0] + 2})

    answers = [ask(house, provider) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert problem_of(answers[2], 409, "quota_exceeded")["resource"] == resource
    assert ask(house, house.person("provider")).status_code == 201


def test_what_no_longer_counts_makes_room(house: House, admin: Person, provider: Person) -> None:
    limit(house, admin, provider, tokens=2, open_checks=1)
    token = _token(house, provider).json()["id"]
    dataset = _dataset(house, provider).json()["id"]
    house.http.delete(f"/v1/tokens/{token}", headers=provider.headers)
    with house.runtime.database.transaction() as session:
        session.get_one(Dataset, dataset).state = "ready"

    assert _token(house, provider).status_code == 201
    assert _dataset(house, provider).status_code == 201
    assert house.count(Token, Token.account_id == provider.id) == 3


def test_every_resource_has_a_usual_limit_and_may_be_chosen() -> None:
    from api.quotas.schemas import NewQuotas

    names = [resource.name for resource in RESOURCES]
    assert set(names) == set(NewQuotas.model_fields)
    assert {f"quota_{name}" for name in names} <= set(Settings.model_fields)
