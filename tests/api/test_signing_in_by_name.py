"""Signing in by name and password: who gets in, and what everybody else learns, which is nothing."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event, update

from sdb_service import clock
from sdb_service.tables import AuditEvent, DashboardSession, User
from tests.api import people
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


def test_a_person_signs_in_by_name_and_password_and_is_called_by_their_name(house: House, provider: Person) -> None:
    ada = people.add(house, provider, name="Ada Lovelace")
    browser = people.browser(house)

    assert browser.sign_in(ada).headers["location"] == "/dashboard"

    assert "Ada Lovelace" in browser.get().text
    last = people.row(house, ada).last_sign_in_at
    assert last is not None
    assert (clock.now() - last).total_seconds() < 60


def test_the_name_is_found_however_it_is_written(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    shouted = people.Human(ada.id, f"  {ada.email.upper()} ", provider)

    assert people.browser(house).sign_in(shouted).status_code == 303


def test_a_wrong_password_and_an_unknown_name_are_answered_alike_after_the_same_work(
    house: House, admin: Person, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, gone, closed = (people.add(house, house.person("provider")) for _ in range(3))
    people.add(house, gone.account)
    assert house.http.delete(f"/v1/users/{gone.id}", headers=gone.account.headers).status_code == 204
    house.close_account(closed.account)
    nobody = people.Human("usr_none", "nobody@example.org", provider)
    told: dict[str, tuple[Any, ...]] = {}
    for who, human in {"wrong": ada, "unknown": nobody, "gone": gone, "closed": closed}.items():
        with people.counted_hashing(monkeypatch) as reached, asked_of_the_database(house) as statements:
            answer = people.browser(house).sign_in(human, "not the password")
        headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
        limits = [headers.pop(name) for name in list(headers) if name.startswith("x-ratelimit")]
        body = answer.text.replace(answer.headers["x-request-id"], "REQ")
        costs = [digest.split("$")[1:4] for digest in reached]
        told[who] = (answer.status_code, body, headers, len(limits), costs, statements)

    assert told["wrong"][0] == 401
    assert told["wrong"][4] == [["argon2id", "v=19", "m=47104,t=2,p=1"]]
    assert len(told["wrong"][5]) > 3
    assert told["unknown"] == told["gone"] == told["closed"] == told["wrong"]


@contextmanager
def asked_of_the_database(house: House) -> Iterator[list[str]]:
    """Every statement that a request makes while this lasts; the keeper of the log has a thread of its own."""
    asked: list[str] = []

    def note(*told: Any) -> None:
        if threading.current_thread().name.startswith("AnyIO"):
            asked.append(told[2])

    event.listen(house.runtime.database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(house.runtime.database.engine, "before_cursor_execute", note)


def test_the_right_password_of_a_closed_person_or_account_lets_nobody_in(house: House, provider: Person) -> None:
    gone, closed = people.add(house, provider), people.add(house, house.person("customer"))
    people.add(house, provider)
    assert house.http.delete(f"/v1/users/{gone.id}", headers=provider.headers).status_code == 204
    house.close_account(closed.account)

    assert [people.browser(house).sign_in(human).status_code for human in (gone, closed)] == [401, 401]


def test_each_sign_in_is_a_fresh_session_and_ends_the_one_whose_cookie_came_along(
    house: House, provider: Person
) -> None:
    ada = people.add(house, provider)
    browser = people.signed_in(house, ada)
    planted = browser.cookie
    assert planted is not None

    browser.sign_in(ada)

    assert browser.cookie not in (None, planted)
    assert browser.is_signed_in
    thief = people.browser(house)
    thief.http.cookies.set("sdb_session", planted)
    assert not thief.is_signed_in


def test_a_sign_in_by_link_ends_the_former_session_too(house: House, provider: Person) -> None:
    browser = people.signed_in(house, people.add(house, provider))
    former = browser.cookie
    link = house.post(provider, "/v1/login-links").json()["url"].partition("/dashboard")[2]

    assert browser.post(link).status_code == 303

    thief = people.browser(house)
    thief.http.cookies.set("sdb_session", str(former))
    assert not thief.is_signed_in
    assert "one-time link" in browser.get("/me").text


def test_a_digest_of_older_parameters_is_renewed_by_signing_in(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    old = Argon2Hasher(memory_cost=8_192, time_cost=1, parallelism=1).hash(people.PASSWORD)
    with house.runtime.database.transaction() as session:
        session.execute(update(User).where(User.id == ada.id).values(password=old))

    assert people.browser(house).sign_in(ada, "not the password").status_code == 401
    assert people.row(house, ada).password == old
    assert people.browser(house).sign_in(ada).status_code == 303
    assert "m=47104" in people.row(house, ada).password
    assert people.browser(house).sign_in(ada).status_code == 303


def test_no_answer_and_no_log_repeats_a_password(
    house: House, provider: Person, caplog: pytest.LogCaptureFixture
) -> None:
    ada, browser = people.add(house, provider), people.browser(house)
    with caplog.at_level("DEBUG"):
        answers = [
            browser.sign_in(ada, "open sesame and more"),
            browser.sign_in(ada, "open sesame" * 100),
            browser.post("/sign-in", password="open sesame and more"),
            browser.post("/sign-in", email="x" * 300, password="open sesame and more"),
        ]

    assert [answer.status_code for answer in answers] == [401, 422, 422, 422]
    assert not any("sesame" in answer.text for answer in answers)
    assert "sesame" not in str([vars(record) for record in caplog.records])


def test_changing_the_password_needs_the_old_one_and_ends_the_other_sessions(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    here, elsewhere = people.signed_in(house, ada), people.signed_in(house, ada)
    new = "nineteen copper kettles"

    assert here.send("/me/password", old="not the password", new=new).status_code == 403
    assert here.send("/me/password", old=people.PASSWORD, new="password1234").status_code == 422
    assert elsewhere.is_signed_in
    assert here.send("/me/password", old=people.PASSWORD, new=new).status_code == 303

    assert here.is_signed_in
    assert not elsewhere.is_signed_in
    assert people.browser(house).sign_in(ada).status_code == 401
    assert people.browser(house).sign_in(ada, new).status_code == 303


def test_guessing_the_old_password_in_a_session_left_open_is_limited(
    house: House, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = people.signed_in(house, people.add(house, provider))
    with people.counted_hashing(monkeypatch) as reached:
        codes = [browser.send("/me/password", old=f"guess {n}", new="x" * 20).status_code for n in range(20)]

    assert codes == [403] * 10 + [429] * 10
    assert len(reached) == 10


def test_a_session_of_a_link_has_no_password_to_change(house: House, provider: Person) -> None:
    browser = people.browser(house)
    browser.post(house.post(provider, "/v1/login-links").json()["url"].partition("/dashboard")[2])

    assert browser.is_signed_in
    assert browser.send("/me/password", old="x", new="nineteen copper kettles").status_code == 404
    assert browser.send("/me/second-step").status_code == 404


def test_sign_ins_and_refusals_are_recorded_with_who_and_where_from(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    people.browser(house, address="203.0.113.77").sign_in(ada, "not the password")
    people.browser(house, address="203.0.113.78").sign_in(ada)

    with house.runtime.database.reading() as session:
        events = session.query(AuditEvent).where(AuditEvent.account_id == provider.id).order_by(AuditEvent.number)
        refused, opened = events.all()
        session_row = session.get_one(DashboardSession, opened.object_id)
    assert (refused.action, refused.object_id, refused.address) == ("session.refuse", ada.id, "203.0.113.77")
    assert (opened.action, opened.detail["user_id"], opened.address) == ("session.open", ada.id, "203.0.113.78")
    assert (session_row.user_id, session_row.address) == (ada.id, "203.0.113.78")
    assert not re.search("not the password", str(refused.detail))
