"""Who is in an account, and who lets them in and out."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sdb_service.tables import AuditEvent, User
from tests.api import people
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


def test_one_sees_the_people_of_ones_account_and_the_admin_those_of_all(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    ada, eve = people.add(house, provider), people.add(house, customer)

    assert [found["id"] for found in house.get(provider, "/v1/users").json()["data"]] == [ada.id]
    assert [found["id"] for found in house.get(customer, "/v1/users").json()["data"]] == [eve.id]
    assert {ada.id, eve.id} <= {found["id"] for found in house.get(admin, "/v1/users?limit=200").json()["data"]}


def test_a_person_is_told_without_what_they_sign_in_with(house: House, provider: Person) -> None:
    ada = people.add(house, provider)

    found = house.get(provider, f"/v1/users/{ada.id}").json()

    assert found.pop("created_at")
    assert found == {
        "id": ada.id,
        "account_id": provider.id,
        "email": ada.email,
        "name": "Ada",
        "rank": "owner",
        "two_steps": False,
        "last_sign_in_at": None,
    }


def test_a_person_taken_out_is_out_at_once_and_their_address_is_free_again(house: House, provider: Person) -> None:
    people.add(house, provider)
    bob = people.add(house, provider, rank="member")
    browser = people.signed_in(house, bob)

    assert house.http.delete(f"/v1/users/{bob.id}", headers=provider.headers).status_code == 204

    assert not browser.is_signed_in
    assert people.browser(house).sign_in(bob).status_code == 401
    problem_of(house.get(provider, f"/v1/users/{bob.id}"), 404, "user_not_found")
    assert house.post(provider, "/v1/invitations", {"email": bob.email}).status_code == 201


def test_a_rank_holds_from_the_next_request_on(house: House, provider: Person) -> None:
    people.add(house, provider)
    bob = people.add(house, provider)
    browser = people.signed_in(house, bob)
    assert browser.get("/people").status_code == 200

    assert house.post(provider, f"/v1/users/{bob.id}/rank", {"rank": "member"}).json()["rank"] == "member"

    assert browser.get("/people").status_code == 403
    assert browser.get("/boxes").status_code == 200


def test_the_last_owner_can_neither_leave_nor_be_made_a_member(house: House, admin: Person, provider: Person) -> None:
    ada = people.add(house, provider)
    people.add(house, provider, rank="member")

    for who in (provider, admin):
        problem_of(house.post(who, f"/v1/users/{ada.id}/rank", {"rank": "member"}), 409, "owner_is_last")
        problem_of(house.http.delete(f"/v1/users/{ada.id}", headers=who.headers), 409, "owner_is_last")

    assert people.row(house, ada).rank == "owner"


def test_of_two_owners_who_take_each_other_out_at_once_one_stays(each_house: House) -> None:
    for _ in range(5):
        provider = each_house.person("provider")
        paths = [f"/v1/users/{people.add(each_house, provider).id}" for _ in range(2)]
        with ThreadPoolExecutor(2) as both:
            taken_out = [both.submit(each_house.http.delete, path, headers=provider.headers) for path in paths]
        assert sorted(one.result().status_code for one in taken_out) == [204, 409]
        assert each_house.count(User, User.account_id == provider.id, User.closed_at.is_(None)) == 1


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_only_providers_have_members(house: House, role: str) -> None:
    account = house.person(role)  # type: ignore[arg-type]
    people.add(house, account)
    bob = people.add(house, account, rank="member")

    assert house.get(account, f"/v1/users/{bob.id}").json()["rank"] == "owner"
    problem_of(house.post(account, f"/v1/users/{bob.id}/rank", {"rank": "member"}), 422, "rank_unknown_here")
    asked = house.post(account, "/v1/invitations", {"email": "new@example.org", "rank": "member"})
    assert asked.json()["rank"] == "owner"


def test_members_let_nobody_in_or_out(house: House, provider: Person) -> None:
    ada, bob = people.add(house, provider), people.add(house, provider, rank="member")
    invitation = house.post(provider, "/v1/invitations", {"email": "x@example.org"}).json()["id"]
    browser = people.signed_in(house, bob)

    forms: list[tuple[str, dict[str, str]]] = [
        ("/people/invitations", {"email": "mallory@example.org", "rank": "owner"}),
        (f"/people/invitations/{invitation}/revoke", {}),
        (f"/people/{ada.id}/rank", {"rank": "member"}),
        (f"/people/{bob.id}/rank", {"rank": "owner"}),
        (f"/people/{ada.id}/reset", {}),
        (f"/people/{ada.id}/close", {}),
        (f"/people/{ada.id}/totp-reset", {}),
    ]
    for path, form in forms:
        assert browser.send(path, **form).status_code == 403, path
    assert people.row(house, bob).rank == "member"
    assert house.get(provider, "/v1/invitations").json()["data"][0]["state"] == "waiting"

    assert browser.send(f"/people/{bob.id}/close").status_code == 403, "an owner takes them out"
    assert browser.is_signed_in


def test_an_owner_does_the_same_on_the_dashboard_and_not_to_strangers(house: House, provider: Person) -> None:
    ada, bob = people.add(house, provider), people.add(house, provider, rank="member")
    stranger = people.add(house, house.person("provider"))
    browser = people.signed_in(house, ada)

    assert browser.send(f"/people/{bob.id}/rank", rank="owner").status_code == 303
    assert bob.email in browser.get("/people").text
    assert stranger.email not in browser.get("/people").text
    for path in ("rank", "reset", "close"):
        foreign, missing = (browser.send(f"/people/{each}/{path}", rank="member") for each in (stranger.id, "usr_none"))
        assert (foreign.status_code, missing.status_code) == (404, 404)
    assert people.row(house, stranger).rank == "owner"


def test_only_the_admin_takes_a_second_step_off_for_somebody(house: House, admin: Person, provider: Person) -> None:
    ada = people.add(house, provider)
    browser, _, _ = people.with_second_step(house, ada)

    problem_of(house.post(provider, f"/v1/users/{ada.id}/totp-reset"), 403, "role_not_allowed")
    assert house.post(admin, f"/v1/users/{ada.id}/totp-reset").json()["two_steps"] is False

    assert not browser.is_signed_in
    assert people.signed_in(house, ada).is_signed_in


def test_each_act_is_in_the_audit_log_of_the_account(house: House, provider: Person) -> None:
    ada, bob = people.add(house, provider), people.add(house, provider)
    browser = people.signed_in(house, ada)
    house.post(provider, "/v1/invitations", {"email": "x@example.org"})
    house.post(provider, f"/v1/users/{bob.id}/rank", {"rank": "member"})
    house.post(provider, f"/v1/users/{bob.id}/password-reset")
    house.http.delete(f"/v1/users/{bob.id}", headers=provider.headers)
    browser.send("/logout")

    with house.runtime.database.reading() as session:
        events = session.query(AuditEvent).where(AuditEvent.account_id == provider.id).order_by(AuditEvent.number)
        actions = [event.action for event in events]
    assert actions == [
        "session.open",
        "invitation.make",
        "user.rank",
        "user.password_reset",
        "user.close",
        "session.close",
    ]
