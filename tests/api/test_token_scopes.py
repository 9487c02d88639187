"""What a token may do at most, who may see it, and when it was used last."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, update

from api.last_use import LastUse
from sdb_service import clock
from sdb_service.tables import Token
from tests.api import people
from tests.api.asking import ask
from tests.api.belongings import token_of
from tests.api.networks import NPY, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

BODY = as_npy(random_pixels(1))


def waited(found: Callable[[], datetime | None]) -> datetime | None:
    """What is found once it is there."""
    end = time.monotonic() + 10
    while found() is None and time.monotonic() < end:
        time.sleep(0.02)
    return found()


def last_use_of(house: House, token_id: str) -> datetime | None:
    with house.runtime.database.reading() as session:
        return session.get_one(Token, token_id).last_used_at


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_token_has_the_scopes_it_was_made_with_and_shows_them(house: House, provider: Person) -> None:
    made = house.post(provider, "/v1/tokens", {"name": "x", "scopes": ["models:read", "jobs:read", "jobs:read"]}).json()

    assert made["scopes"] == ["jobs:read", "models:read"]
    assert house.http.get("/v1/models", headers=bearer(made["token"])).status_code == 200
    answer = house.http.get("/v1/licenses", headers=bearer(made["token"]))
    assert "licenses:read" in problem_of(answer, 403, "token_scope_missing")["detail"]


@pytest.mark.parametrize("scopes", [["all"], [], ["models:read", "*"], "models:read", [None]])
def test_a_scope_that_there_is_not_is_refused(house: House, provider: Person, scopes: object) -> None:
    problem_of(house.post(provider, "/v1/tokens", {"name": "x", "scopes": scopes}), 422, "request_invalid")


@pytest.mark.parametrize("scopes", [None, ["predict"], ["tokens:write", "models:read", "predict"]])
def test_a_token_cannot_make_one_that_may_more(house: House, provider: Person, scopes: list[str] | None) -> None:
    limited = token_of(house, provider.id, scopes=["tokens:write", "models:read"])
    before = house.count(Token)

    answer = house.post(limited, "/v1/tokens", {"name": "x", "scopes": scopes})

    problem_of(answer, 422, "scopes_beyond_yours")
    assert house.count(Token) == before
    assert house.post(limited, "/v1/tokens", {"name": "x", "scopes": ["models:read"]}).status_code == 201


def test_an_admins_limited_token_makes_no_unlimited_one_for_anybody(
    house: House, admin: Person, provider: Person
) -> None:
    limited = token_of(house, admin.id, scopes=["tokens:write"])

    answer = house.post(limited, "/v1/tokens", {"name": "x", "account_id": provider.id})

    problem_of(answer, 422, "scopes_beyond_yours")


def test_a_token_that_ends_opens_no_session_that_would_outlive_it(house: House, provider: Person) -> None:
    ending = token_of(house, provider.id, expires_at=clock.after(60))

    problem_of(house.post(ending, "/v1/login-links"), 403, "token_scope_missing")


def test_a_members_token_makes_no_owners_token(house: House, provider: Person) -> None:
    member = token_of(house, provider.id, rank="member")

    problem_of(house.post(member, "/v1/tokens", {"name": "x", "rank": "owner"}), 422, "rank_beyond_yours")
    made = house.post(member, "/v1/tokens", {"name": "x"}).json()
    assert made["rank"] == "member"
    box = house.box(provider)
    answer = house.http.post(f"/v1/boxes/{box}/publish", headers=bearer(made["token"]))
    problem_of(answer, 403, "role_not_allowed")


def test_a_member_sees_and_revokes_their_own_tokens_alone(house: House, provider: Person) -> None:
    ada, bob = (people.add(house, provider, rank="member") for _ in range(2))
    member = token_of(house, provider.id, rank="member", user_id=ada.id)
    token_of(house, provider.id, rank="member", user_id=bob.id)
    owners = next(one for one in house.get(provider, "/v1/tokens").json()["data"] if one["rank"] == "owner")

    assert [one["user_id"] for one in house.get(member, "/v1/tokens").json()["data"]] == [ada.id]
    answer = house.http.delete(f"/v1/tokens/{owners['id']}", headers=member.headers)
    problem_of(answer, 404, "token_not_found")
    assert len(house.get(provider, "/v1/tokens").json()["data"]) == 3


def test_a_token_without_the_scope_is_refused_where_the_public_is_not(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    for scopes, status in ((["models:read"], 403), (["predict"], 200)):
        token = token_of(house, provider.id, scopes=scopes)  # type: ignore[arg-type]
        assert ask(house, box, BODY, NPY, who=token).status_code == status


def test_a_hosted_inference_takes_the_scope_of_distill(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")
    pixels = {"name": "input", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": [0] * 192}
    body = {"inputs": [pixels], "parameters": {"key": "hosted"}}

    limited = house.post(token_of(house, customer.id, scopes=["predict"]), f"/v2/models/{box}/infer", body)
    whole = house.post(token_of(house, customer.id, scopes=["predict", "distill"]), f"/v2/models/{box}/infer", body)

    problem_of(limited, 403, "token_scope_missing")
    assert whole.status_code == 200, whole.text


def test_a_replayed_request_is_answered_to_nobody_who_may_not_make_it(house: House, provider: Person) -> None:
    body = {"name": "d", "builtin": "builtin:digits"}
    assert house.post(provider, "/v1/datasets", body, Idempotency_Key="k1").status_code == 201

    answer = house.post(token_of(house, provider.id, scopes=["jobs:read"]), "/v1/datasets", body, Idempotency_Key="k1")

    problem_of(answer, 403, "token_scope_missing")


@pytest.mark.parametrize("door", ["/v1/accounts/me", "predict"])
def test_a_token_shows_when_it_was_used_last(house: House, provider: Person, door: str) -> None:
    box = house.box(provider)
    made = house.post(provider, "/v1/tokens", {"name": "x"}).json()
    assert made["last_used_at"] is None
    who = Person(provider.id, bearer(made["token"]))

    (ask(house, box, BODY, NPY, who=who) if door == "predict" else house.get(who, door)).raise_for_status()

    found = waited(lambda: last_use_of(house, made["id"]))
    assert found is not None
    assert abs(found - clock.now()) < timedelta(seconds=30)


def test_the_last_use_is_written_once_a_minute_however_many_requests_and_processes(
    house: House, provider: Person
) -> None:
    token_id = house.get(provider, "/v1/tokens").json()["data"][0]["id"]
    assert waited(lambda: last_use_of(house, token_id)) is not None
    old, written = clock.after(-59), []
    with house.runtime.database.transaction() as session:
        session.execute(update(Token).where(Token.id == token_id).values(last_used_at=old))
    engine = house.runtime.database.engine

    def seen(*given: object) -> None:
        written.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", seen)
    processes = [LastUse(house.runtime) for _ in range(3)]
    for process in processes:
        for _ in range(100):
            process.note(token_id)
        process.close()
    event.remove(engine, "before_cursor_execute", seen)

    assert last_use_of(house, token_id) == old
    assert len([text for text in written if text.startswith("UPDATE tokens")]) == len(processes)


def test_a_token_goes_with_whoever_made_it_and_is_of_no_higher_rank(house: House, provider: Person) -> None:
    ada, bob = (people.add(house, provider) for _ in range(2))
    tokens = [token_of(house, provider.id, user_id=human.id) for human in (ada, bob)]
    assert house.post(provider, f"/v1/users/{ada.id}/rank", {"rank": "member"}).status_code == 200
    assert house.http.delete(f"/v1/users/{bob.id}", headers=provider.headers).status_code == 409, "the last owner"
    people.add(house, provider)
    assert house.http.delete(f"/v1/users/{bob.id}", headers=provider.headers).status_code == 204

    box = house.box(provider)
    problem_of(house.post(tokens[0], f"/v1/boxes/{box}/publish", {}), 403, "role_not_allowed")
    problem_of(house.get(tokens[1], "/v1/accounts/me"), 401, "token_invalid")
