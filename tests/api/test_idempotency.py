"""`Idempotency-Key`: the same request twice does one thing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sdb_service.tables import Account, Dataset, IdempotentAnswer, Job, License, Model, Token, Upload
from tests.api.networks import INPUT
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

KINDS: dict[str, type[Any]] = {
    "uploads": Upload,
    "models": Model,
    "datasets": Dataset,
    "jobs": Job,
    "licenses": License,
    "accounts": Account,
}


def body_for(kind: str, house: House, owner: Person) -> dict[str, Any]:
    if kind == "uploads":
        return {"filename": "x.zip", "size": 3, "sha256": "0" * 64}
    if kind == "models":
        shape = {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 10, "input": INPUT}
        return shape | {"upload_id": house.upload(owner)}
    if kind == "datasets":
        return {"name": "d", "builtin": "builtin:digits"}
    if kind == "jobs":
        return {"model_id": house.model(owner), "dataset_id": house.dataset(owner)}
    if kind == "licenses":
        return {"box_id": house.box(owner), "customer_id": house.person("customer").id}
    return {"name": "a new account", "role": "customer"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_key_and_body_make_one_object(each_house: House, kind: str) -> None:
    owner = each_house.person("admin")
    body, table = body_for(kind, each_house, owner), KINDS[kind]
    before = each_house.count(table)

    first, again = (each_house.post(owner, f"/v1/{kind}", body, Idempotency_Key="k1") for _ in range(2))

    assert first.status_code == again.status_code in (201, 202), first.text
    assert first.json() == again.json()
    assert first.headers.get("location") == again.headers.get("location")
    assert each_house.count(table) == before + 1


def test_without_a_key_the_same_body_makes_two_objects(house: House, provider: Person) -> None:
    body = body_for("datasets", house, provider)

    first, again = (house.post(provider, "/v1/datasets", body).json()["id"] for _ in range(2))

    assert first != again


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/uploads"])
def test_the_same_key_for_another_body_or_another_route_is_a_conflict(each_house: House, path: str) -> None:
    provider = each_house.person("provider")
    bodies = {"/v1/datasets": {"name": "other", "builtin": "builtin:digits"}}
    bodies["/v1/uploads"] = body_for("uploads", each_house, provider)
    assert each_house.post(provider, "/v1/datasets", body_for("datasets", each_house, provider), Idempotency_Key="k")

    answer = each_house.post(provider, path, bodies[path], Idempotency_Key="k")

    problem_of(answer, 409, "idempotency_key_reused")
    assert each_house.count(Dataset, Dataset.account_id == provider.id) == 1
    assert each_house.count(Upload, Upload.account_id == provider.id) == 0


def test_two_accounts_may_use_the_same_key(each_house: House) -> None:
    made = [
        each_house.post(who, "/v1/datasets", body_for("datasets", each_house, who), Idempotency_Key="k").json()["id"]
        for who in (each_house.person("provider"), each_house.person("provider"))
    ]

    assert len(set(made)) == 2


def test_what_was_refused_is_not_remembered(house: House, provider: Person) -> None:
    model, waiting = house.model(provider), house.dataset(provider, state="checking")
    body = {"model_id": model, "dataset_id": waiting}
    problem_of(house.post(provider, "/v1/jobs", body, Idempotency_Key="k"), 409, "dataset_not_ready")
    with house.runtime.database.transaction() as session:
        session.get_one(Dataset, waiting).state = "ready"

    assert house.post(provider, "/v1/jobs", body, Idempotency_Key="k").status_code == 202


def test_a_token_is_made_anew_and_its_answer_is_kept_nowhere(house: House, customer: Person) -> None:
    first, again = (house.post(customer, "/v1/tokens", {"name": "x"}, Idempotency_Key="k").json() for _ in range(2))

    assert first["token"] != again["token"]
    assert house.count(Token, Token.account_id == customer.id) == 3
    assert house.count(IdempotentAnswer, IdempotentAnswer.account_id == customer.id) == 0


def test_of_many_at_the_same_moment_one_makes_the_object(each_house: House) -> None:
    provider = each_house.person("provider")
    body = body_for("datasets", each_house, provider)

    with ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(each_house.post, provider, "/v1/datasets", body, Idempotency_Key="k") for _ in range(16)]
    answers = [one.result() for one in asked]

    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem_of(answer, 409, "idempotency_in_flight")
    assert each_house.count(Dataset, Dataset.account_id == provider.id) == 1


def test_a_name_that_many_want_at_the_same_moment_goes_to_one(each_house: House) -> None:
    admin = each_house.person("admin")
    body = {"name": "the one", "role": "customer"}

    with ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(each_house.post, admin, "/v1/accounts", body) for _ in range(16)]
    answers = [one.result() for one in asked]

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    for answer in answers:
        if answer.status_code == 409:
            problem_of(answer, 409, "account_name_taken")


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_is_empty_or_too_long_is_refused(house: House, provider: Person, key: str) -> None:
    answer = house.post(provider, "/v1/datasets", body_for("datasets", house, provider), Idempotency_Key=key)

    problem_of(answer, 422, "request_invalid")
