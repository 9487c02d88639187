"""Tokens: how a request says who asks, and every way in which that fails."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from sdb_service import clock, credentials
from sdb_service.secret import Secret
from sdb_service.tables import Token
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

A_STRANGERS = credentials.make("sdb", key=Secret(b"x" * 32)).text.reveal().decode()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_missing"),
        ({"Authorization": "Bearer"}, "token_missing"),
        ({"Authorization": "Bearer  "}, "token_missing"),
        ({"Authorization": "Basic YWRtaW46YWRtaW4="}, "token_missing"),
        ({"Authorization": "Bearer nonsense"}, "token_invalid"),
        ({"Authorization": f"Bearer {A_STRANGERS[:-1]}"}, "token_invalid"),
        ({"Authorization": f"Bearer {A_STRANGERS}"}, "token_invalid"),
        ({"Authorization": b"Bearer \xff\xfe"}, "token_invalid"),
    ],
)
def test_without_a_good_token_one_is_not_signed_in(house: House, headers: dict[str, str], code: str) -> None:
    answer = house.http.get("/v1/accounts/me", headers=headers)

    problem_of(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_good_token_says_who_asks_whatever_the_case_of_its_scheme(house: House, customer: Person) -> None:
    headers = {"Authorization": customer.headers["Authorization"].replace("Bearer", "bearer")}

    assert house.http.get("/v1/accounts/me", headers=headers).json()["id"] == customer.id


def test_a_revoked_token_is_refused_from_then_on(house: House, customer: Person) -> None:
    token = house.get(customer, "/v1/tokens").json()["data"][0]
    assert house.http.delete(f"/v1/tokens/{token['id']}", headers=customer.headers).status_code == 204

    answer = house.get(customer, "/v1/accounts/me")

    problem_of(answer, 401, "token_invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_expired_token_is_refused(house: House, customer: Person) -> None:
    with house.runtime.database.transaction() as session:
        session.execute(update(Token).where(Token.account_id == customer.id).values(expires_at=clock.after(-1)))

    problem_of(house.get(customer, "/v1/accounts/me"), 401, "token_expired")


def test_the_tokens_of_a_closed_account_are_refused(house: House, admin: Person, customer: Person) -> None:
    assert house.http.delete(f"/v1/accounts/{customer.id}", headers=admin.headers).status_code == 204

    problem_of(house.get(customer, "/v1/accounts/me"), 401, "token_invalid")
    problem_of(house.post(admin, "/v1/tokens", {"name": "x", "account_id": customer.id}), 404, "account_not_found")


def test_a_bad_token_is_refused_where_none_is_needed(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)

    answer = house.http.get(f"/v1/boxes/{box}", headers={"Authorization": f"Bearer {A_STRANGERS}"})

    problem_of(answer, 401, "token_invalid")


def test_a_token_is_shown_once_and_stored_as_a_digest(house: House, customer: Person) -> None:
    fresh = house.post(customer, "/v1/tokens", {"name": "second"}).json()

    listed = house.get(customer, "/v1/tokens").text
    assert fresh["id"] in listed
    assert fresh["token"] not in listed
    with house.runtime.database.reading() as session:
        row = session.get_one(Token, fresh["id"])
    assert fresh["token"] not in str(vars(row))
    assert house.http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {fresh['token']}"}).status_code == 200


def test_a_token_cannot_be_made_to_expire_in_the_past(house: House, customer: Person) -> None:
    body = {"name": "x", "expires_at": (clock.now() - timedelta(seconds=1)).isoformat()}

    problem_of(house.post(customer, "/v1/tokens", body), 422, "expiry_past")


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-14:00", "2099-01-01T00:00:00", "1e400", "99999999999999999999"]
)
def test_an_expiry_that_is_no_moment_is_refused(house: House, customer: Person, moment: str) -> None:
    answer = house.post(customer, "/v1/tokens", {"name": "x", "expires_at": moment})

    problem_of(answer, 422, "request_invalid")


def test_nobody_may_ask_for_anothers_token(house: House, provider: Person, customer: Person) -> None:
    body = {"name": "x", "account_id": customer.id}

    mine = house.post(provider, "/v1/tokens", body)
    missing = house.post(provider, "/v1/tokens", body | {"account_id": "acc_none"})

    problem_of(mine, 404, "account_not_found")
    problem_of(missing, 404, "account_not_found")
    assert house.count(Token, Token.account_id == customer.id) == 1


def test_a_login_link_needs_a_token_and_names_the_dashboard(house: House, customer: Person) -> None:
    problem_of(house.post(NOBODY, "/v1/login-links"), 401, "token_missing")
    assert "/dashboard/login/link_" in house.post(customer, "/v1/login-links").json()["url"]


def test_a_token_that_expires_cannot_make_one_that_outlives_it(house: House, provider: Person) -> None:
    end = clock.after(3600)
    body = {"name": "short", "expires_at": end.isoformat()}
    short = house.post(provider, "/v1/tokens", body).json()["token"]
    headers = {"Authorization": f"Bearer {short}"}

    for later in (None, (end + timedelta(seconds=1)).isoformat()):
        answer = house.http.post("/v1/tokens", json={"name": "long", "expires_at": later}, headers=headers)
        problem_of(answer, 422, "expiry_beyond_yours")

    answer = house.http.post("/v1/tokens", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
