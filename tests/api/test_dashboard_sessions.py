"""A session ends when it should, everywhere at once, and its cookie goes nowhere else."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, update

from sdb_service import clock
from sdb_service.tables import DashboardSession
from tests.api import people
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.seeding import House, Person
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust


def age(house: House, human: people.Human, **values: Any) -> None:
    """Write into the sessions of a person."""
    with house.runtime.database.transaction() as session:
        session.execute(update(DashboardSession).where(DashboardSession.user_id == human.id).values(**values))


@pytest.fixture
def ada(house: House, provider: Person) -> people.Human:
    return people.add(house, provider)


def test_after_signing_out_a_copy_of_the_cookie_opens_nothing(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    copied, csrf = browser.cookie, browser.csrf

    assert browser.send("/logout").status_code == 200

    assert browser.cookie is None
    thief = people.browser(house)
    thief.http.cookies.set("sdb_session", str(copied))
    assert not thief.is_signed_in
    assert thief.post("/me/sessions/end-others", csrf=csrf).status_code == 401


def test_a_session_that_nobody_used_for_an_hour_is_over(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    age(house, ada, seen_at=clock.after(-3590))
    assert browser.is_signed_in
    age(house, ada, seen_at=clock.after(-3610))

    assert not browser.is_signed_in


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    with house.runtime.database.reading() as session:
        opened = session.query(DashboardSession).where(DashboardSession.user_id == ada.id).one()
    assert (opened.expires_at - opened.created_at).total_seconds() == pytest.approx(12 * 3600, abs=2)
    age(house, ada, expires_at=clock.after(-1), seen_at=clock.now())

    assert not browser.is_signed_in


def test_an_idle_limit_of_ones_own_is_kept_while_the_session_is_used(
    embedded_profile: Profile, network: Network
) -> None:
    with house_on(embedded_profile.settings, network, session_idle_minutes=2) as house:
        ada = people.add(house, house.person("provider"))
        browser = people.signed_in(house, ada)
        for _ in range(3):
            age(house, ada, seen_at=clock.after(-110))
            assert browser.is_signed_in
        age(house, ada, seen_at=clock.after(-121))
        assert not browser.is_signed_in


def test_a_page_that_asks_by_itself_does_not_keep_a_session_alive(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    long_ago = clock.after(-1800)
    age(house, ada, seen_at=long_ago)

    assert browser.get("/progress").status_code == 200
    with house.runtime.database.reading() as session:
        opened = session.query(DashboardSession).where(DashboardSession.user_id == ada.id).one()
    assert opened.seen_at == long_ago


def test_the_time_of_use_is_written_once_a_minute_at_most(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    age(house, ada, seen_at=clock.after(-61))
    written: list[str] = []

    def note(*told: Any) -> None:
        if told[2].startswith("UPDATE sessions"):
            written.append(told[2])

    event.listen(house.runtime.database.engine, "before_cursor_execute", note)
    try:
        for _ in range(10):
            assert browser.is_signed_in
    finally:
        event.remove(house.runtime.database.engine, "before_cursor_execute", note)

    assert len(written) == 1


def test_a_closed_account_ends_the_sessions_of_its_people(house: House, admin: Person, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)

    assert house.http.delete(f"/v1/accounts/{ada.account.id}", headers=admin.headers).status_code == 204

    assert not browser.is_signed_in


def test_one_sees_ones_own_sessions_and_ends_one_or_all_others(house: House, ada: people.Human) -> None:
    here, phone, library = (people.signed_in(house, ada) for _ in range(3))
    shown = here.get("/me").text
    assert shown.count('/end"') == 2
    with house.runtime.database.reading() as session:
        rows = session.query(DashboardSession).where(DashboardSession.user_id == ada.id).order_by(DashboardSession.id)
        ids = [row.id for row in rows]

    assert here.send(f"/me/sessions/{ids[1]}/end").status_code == 303
    assert [each.is_signed_in for each in (here, phone, library)] == [True, False, True]
    assert here.send("/me/sessions/end-others").status_code == 303
    assert [each.is_signed_in for each in (here, phone, library)] == [True, False, False]


def test_nobody_sees_or_ends_the_sessions_of_another_person(house: House, ada: people.Human) -> None:
    bob = people.add(house, ada.account)
    hers, his = people.signed_in(house, ada), people.signed_in(house, bob)
    with house.runtime.database.reading() as session:
        opened = session.query(DashboardSession).where(DashboardSession.user_id == ada.id).one()

    assert opened.id not in his.get("/me").text
    assert his.send(f"/me/sessions/{opened.id}/end").status_code == 404
    assert his.send("/me/sessions/ses_none/end").status_code == 404
    his.send("/me/sessions/end-others")
    assert hers.is_signed_in


def test_a_cookie_is_stored_as_a_digest(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    with house.runtime.database.reading() as session:
        opened = session.query(DashboardSession).where(DashboardSession.user_id == ada.id).one()

    assert browser.cookie not in vars(opened).values()


def test_on_https_cookies_have_the_host_prefix_and_plain_names_are_not_read(
    embedded_profile: Profile, network: Network
) -> None:
    with house_on(embedded_profile.settings, network, public_url="https://sdb.example") as house:
        ada = people.add(house, house.person("provider"))
        browser = people.browser(house, base_url="https://sdb.example")
        answer = browser.sign_in(ada)

        given = answer.headers.get_list("set-cookie")
        assert [cookie.partition("=")[0] for cookie in given] == ["__Host-sdb_session", "__Host-sdb_device"]
        for cookie in given:
            attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes
            assert not any(part.startswith("domain") for part in attributes)
        assert browser.is_signed_in
        _assert_plain_name_is_not_read(house, browser.http.cookies["__Host-sdb_session"])
        ended = browser.send("/logout").headers["set-cookie"]
        assert ended.startswith('__Host-sdb_session=""')
        assert {"path=/", "secure"} <= {part.strip().lower() for part in ended.split(";")}


def _assert_plain_name_is_not_read(house: House, value: str) -> None:
    app: Any = house.http.app
    neighbour = TestClient(app, base_url="https://sdb.example", cookies={"sdb_session": value})
    assert neighbour.get("/dashboard/licenses").status_code == 401


def test_on_plain_http_the_cookie_stays_below_the_dashboard(house: House, ada: people.Human) -> None:
    given = people.browser(house).sign_in(ada).headers.get_list("set-cookie")

    assert [cookie.partition("=")[0] for cookie in given] == ["sdb_session", "sdb_device"]
    for cookie in given:
        assert "Path=/dashboard" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


def test_no_route_of_the_api_takes_a_session_cookie_for_a_token(house: House, ada: people.Human) -> None:
    app: Any = house.http.app
    cookie = people.signed_in(house, ada).cookie
    client = TestClient(app, cookies={"sdb_session": str(cookie)})

    assert client.get("/v1/users").status_code == 401
    assert client.post("/v1/login-links").status_code == 401
    assert client.get("/v1/users", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401
