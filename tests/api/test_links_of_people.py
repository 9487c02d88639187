"""Invitations and links to a new password: each works once, for a while, for whoever holds it and nobody else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from sdb_service import clock
from sdb_service.tables import Invitation, PasswordReset, User
from tests.api import people
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

GOOD = {"name": "Grace", "password": "nineteen copper kettles"}


def invite(house: House, who: Person, email: str, **body: str) -> tuple[str, str]:
    """An invitation: its id, and the path of its link below the dashboard."""
    answer = house.post(who, "/v1/invitations", {"email": email} | body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["url"].partition("/dashboard")[2]


def reset(house: House, who: Person, human: people.Human) -> str:
    answer = house.post(who, f"/v1/users/{human.id}/password-reset")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"].partition("/dashboard")[2])


def test_an_invitation_makes_a_person_who_is_signed_in_and_can_sign_in_again(house: House, provider: Person) -> None:
    _, link = invite(house, provider, " Grace@Example.org ", rank="member")
    browser = people.browser(house)
    assert "grace@example.org" in browser.get(link).text

    assert browser.post(link, **GOOD).status_code == 303

    assert browser.is_signed_in
    (grace,) = house.get(provider, "/v1/users").json()["data"]
    assert (grace["email"], grace["name"], grace["rank"]) == ("grace@example.org", "Grace", "member")
    again = people.Human(grace["id"], "GRACE@example.org", provider)
    assert people.browser(house).sign_in(again, GOOD["password"]).status_code == 303
    house.http.delete(f"/v1/users/{grace['id']}", headers=provider.headers)


def test_an_invitation_works_once_also_for_many_at_once(each_house: House) -> None:
    provider = each_house.person("provider")
    _, link = invite(each_house, provider, "many@example.org")
    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(lambda _: people.browser(each_house).post(link, **GOOD), range(4)))

    assert sorted(answer.status_code for answer in answers) == [303, 401, 401, 401]
    assert each_house.count(User, User.account_id == provider.id) == 1
    assert people.browser(each_house).get(link).status_code == 401


def test_an_invitation_that_is_revoked_replaced_expired_or_of_a_closed_account_works_no_more(
    house: House, admin: Person
) -> None:
    def refused(link: str) -> bool:
        answers = people.browser(house).get(link), people.browser(house).post(link, **GOOD)
        return all(answer.status_code == 401 and "link_invalid" in answer.text for answer in answers)

    provider = house.person("provider")
    revoked, link = invite(house, provider, "a@example.org")
    assert house.http.delete(f"/v1/invitations/{revoked}", headers=provider.headers).status_code == 204
    assert refused(link)

    _, replaced = invite(house, provider, "b@example.org")
    expiring, link = invite(house, provider, "b@example.org")
    assert refused(replaced)
    with house.runtime.database.transaction() as session:
        session.execute(update(Invitation).where(Invitation.id == expiring).values(expires_at=clock.after(-1)))
    assert refused(link)
    states = {found["state"] for found in house.get(provider, "/v1/invitations").json()["data"]}
    assert states == {"revoked", "expired"}

    _, link = invite(house, provider, "c@example.org")
    house.http.delete(f"/v1/accounts/{provider.id}", headers=admin.headers)
    assert refused(link)
    assert house.count(User, User.account_id == provider.id) == 0


def test_an_invitation_lasts_a_week_and_its_secret_is_stored_as_a_digest(house: House, provider: Person) -> None:
    made, link = invite(house, provider, "d@example.org")

    with house.runtime.database.reading() as session:
        row = session.get_one(Invitation, made)
    assert 6.99 < (row.expires_at - clock.now()).total_seconds() / 86400 <= 7
    assert link.rpartition("/")[2] not in str(vars(row))
    assert link.rpartition("_")[2] not in house.get(provider, "/v1/invitations").text


def test_a_bad_password_or_name_uses_no_invitation_up(house: House, provider: Person) -> None:
    _, link = invite(house, provider, "e@example.org")
    browser = people.browser(house)

    for form in (GOOD | {"password": "short"}, GOOD | {"password": "e@example.org"}, GOOD | {"name": ""}):
        assert browser.post(link, **form).status_code == 422
    shown = browser.post(link, **GOOD | {"password": "password1234"})
    assert "easily guessed" in shown.text
    assert "password1234" not in shown.text

    assert browser.post(link, **GOOD).status_code == 303


def test_who_has_an_account_is_not_told_to_who_invites(house: House, provider: Person) -> None:
    taken = people.add(house, house.person("provider"))
    _, link = invite(house, provider, taken.email)

    answer = people.browser(house).post(link, **GOOD)

    assert answer.status_code == 409
    assert house.count(User, User.account_id == provider.id) == 0
    own = people.add(house, provider)
    problem_of(house.post(provider, "/v1/invitations", {"email": own.email}), 409, "person_is_in")


def test_two_accounts_that_take_the_same_address_in_at_once_do_not_both_get_it(each_house: House) -> None:
    both = [each_house.person("provider") for _ in range(2)]
    links = [invite(each_house, who, "both@example.org")[1] for who in both]
    with ThreadPoolExecutor(2) as crowd:
        answers = list(crowd.map(lambda link: people.browser(each_house).post(link, **GOOD), links))

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert each_house.count(User, User.email == "both@example.org") == 1


def test_an_admin_invites_into_other_accounts_and_nobody_else_does(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    invite(house, admin, "f@example.org", account_id=provider.id)
    body = {"email": "g@example.org", "account_id": provider.id}

    problem_of(house.post(customer, "/v1/invitations", body), 404, "account_not_found")
    assert [found["email"] for found in house.get(provider, "/v1/invitations").json()["data"]] == ["f@example.org"]


def test_a_link_to_a_new_password_works_once_and_ends_all_sessions(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    before = people.signed_in(house, ada)
    link = reset(house, provider, ada)
    assert before.is_signed_in, "the old password holds until a new one is chosen"

    answer = people.browser(house).post(link, password="nineteen copper kettles")

    assert answer.status_code == 303
    assert not before.is_signed_in
    assert people.browser(house).sign_in(ada).status_code == 401
    assert people.browser(house).sign_in(ada, "nineteen copper kettles").status_code == 303
    assert people.browser(house).post(link, password="another one of these").status_code == 401


def test_a_link_to_a_new_password_dies_with_time_a_later_one_and_a_change(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    first, second = reset(house, provider, ada), reset(house, provider, ada)
    assert people.browser(house).get(first).status_code == 401
    with house.runtime.database.transaction() as session:
        session.execute(update(PasswordReset).where(PasswordReset.user_id == ada.id).values(expires_at=clock.after(-1)))
    assert people.browser(house).post(second, password=GOOD["password"]).status_code == 401

    third = reset(house, provider, ada)
    changed = people.signed_in(house, ada).send("/me/password", old=people.PASSWORD, new=GOOD["password"])
    assert changed.status_code == 303
    assert people.browser(house).post(third, password="yet another of these").status_code == 401


def test_a_new_password_does_not_get_around_the_second_step(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    people.with_second_step(house, ada)
    link, browser = reset(house, provider, ada), people.browser(house)

    assert browser.post(link, password=GOOD["password"]).status_code == 303

    assert not browser.is_signed_in
    assert "second step" in browser.sign_in(ada, GOOD["password"]).text
    assert not browser.is_signed_in


@pytest.mark.parametrize("path", ["/invitations/", "/passwords/", "/login/"])
def test_the_secret_of_a_link_is_not_logged(
    house: House, provider: Person, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level("INFO"):
        people.browser(house).get(f"{path}sesame")

    ours = [vars(record) for record in caplog.records if record.name != "httpx2"]  # the visitor's own log
    assert [record["path"] for record in ours] == [f"/dashboard{path}***"]
    assert "sesame" not in str(ours)
