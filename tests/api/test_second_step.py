"""The second step: codes of an app and for recovery, each good once, for a moment, and not for guessing."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from sdb_service.errors import SealBroken
from sdb_service.people import second_step
from sdb_service.tables import AuditEvent, RecoveryCode
from tests.api import people
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


@pytest.fixture
def ada(house: House, provider: Person) -> people.Human:
    return people.add(house, provider)


def step_of(browser: people.Browser, human: people.Human) -> str:
    """Give the password; what the form of the second step carries."""
    shown = browser.sign_in(human)
    assert shown.status_code == 200
    assert not browser.is_signed_in
    return shown.text.partition('name="step" value="')[2].partition('"')[0]


def enter(house: House, human: people.Human, code: str) -> people.Browser:
    """Sign in with password and code at a browser that nobody knows."""
    browser = people.browser(house)
    browser.post("/sign-in/code", step=step_of(browser, human), code=code)
    return browser


def moment(steps: int = 0) -> float:
    return people.settled_moment() + 30 * steps


def test_the_password_alone_opens_nothing_and_a_code_does(house: House, ada: people.Human) -> None:
    _, app, _ = people.with_second_step(house, ada)

    assert people.browser(house).sign_in(ada).headers.get("set-cookie") is None
    assert enter(house, ada, app.at(moment())).is_signed_in
    assert house.get(ada.account, f"/v1/users/{ada.id}").json()["two_steps"] is True


def test_it_is_on_only_once_a_code_was_entered(house: House, ada: people.Human) -> None:
    browser = people.signed_in(house, ada)
    browser.send("/me/second-step")

    assert "<svg" in browser.get("/me/second-step").text
    assert browser.send("/me/second-step/confirm", code="000000").status_code == 403
    assert people.browser(house).sign_in(ada).status_code == 303


def test_switching_it_on_ends_the_sessions_opened_without_it(house: House, ada: people.Human) -> None:
    elsewhere = people.signed_in(house, ada)
    here, _, _ = people.with_second_step(house, ada)

    assert here.is_signed_in
    assert not elsewhere.is_signed_in


def test_a_code_works_once_however_many_send_it_at_once(each_house: House) -> None:
    ada = people.add(each_house, each_house.person("provider"))
    _, app, _ = people.with_second_step(each_house, ada)
    browsers = [people.browser(each_house) for _ in range(4)]
    steps = [step_of(browser, ada) for browser in browsers]
    code = app.at(moment())

    with ThreadPoolExecutor(4) as crowd:
        sent = [
            crowd.submit(browser.post, "/sign-in/code", step=step, code=code)
            for browser, step in zip(browsers, steps, strict=True)
        ]
    assert sorted(one.result().status_code for one in sent) == [303, 401, 401, 401]


def test_a_code_older_than_one_that_was_used_is_refused(house: House, ada: people.Human) -> None:
    _, app, _ = people.with_second_step(house, ada)
    now = moment()
    assert enter(house, ada, app.at(now + 30)).is_signed_in

    assert not enter(house, ada, app.at(now)).is_signed_in
    assert not enter(house, ada, app.at(now + 30)).is_signed_in


@pytest.mark.parametrize(("drift", "accepted"), [(-3, False), (-2, False), (1, True), (3, False), (10, False)])
def test_a_clock_may_be_off_by_one_step(house: House, ada: people.Human, drift: int, accepted: bool) -> None:
    _, app, _ = people.with_second_step(house, ada)

    assert enter(house, ada, app.at(moment(drift))).is_signed_in is accepted


def test_a_recovery_code_works_once_and_only_for_whom_it_is(house: House, ada: people.Human) -> None:
    bob = people.add(house, ada.account)
    _, _, codes = people.with_second_step(house, ada)
    _, _, his = people.with_second_step(house, bob)
    assert len(set(codes)) == 10

    assert enter(house, ada, codes[0].upper()).is_signed_in
    assert not enter(house, ada, codes[0]).is_signed_in
    assert not enter(house, ada, his[0]).is_signed_in
    assert enter(house, ada, codes[1].replace("-", " ")).is_signed_in


def test_guessing_codes_is_limited_also_for_who_knows_the_password(house: House, ada: people.Human) -> None:
    _, _, codes = people.with_second_step(house, ada)
    step = step_of(people.browser(house), ada)

    answers = [
        people.browser(house).post("/sign-in/code", step=step, code=f"{guess:06}").status_code for guess in range(40)
    ]

    assert answers == [401] * 5 + [429] * 35
    late = people.browser(house).post("/sign-in/code", step=step, code=codes[0])
    assert late.status_code == 429


def test_guessers_do_not_keep_a_known_device_out(house: House, ada: people.Human) -> None:
    home, app, _ = people.with_second_step(house, ada)
    home.send("/logout")
    step = step_of(people.browser(house), ada)
    for guess in range(10):
        people.browser(house).post("/sign-in/code", step=step, code=f"{guess:06}")

    answer = home.post("/sign-in/code", step=step_of(home, ada), code=app.at(moment()))
    assert answer.status_code == 303


def test_the_proof_of_the_first_step_is_bound_to_person_time_and_password(
    house: House, ada: people.Human, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = people.add(house, ada.account)
    here, app, _ = people.with_second_step(house, ada)
    _, _, _ = people.with_second_step(house, bob)
    user, until, proof = step_of(people.browser(house), ada).split(".")
    bad = [
        f"{bob.id}.{until}.{proof}",
        f"{user}.{int(until) + 60}.{proof}",
        f"{user}.{until}.{'0' * 64}",
        f"{user}.{until}.",
        f"{user}..{proof}",
        "..",
        "",
        "usr_none.1.x",
    ]
    for step in bad:
        answer = people.browser(house).post("/sign-in/code", step=step, code=app.at(moment()))
        assert answer.status_code in (401, 422), step

    step = f"{user}.{until}.{proof}"
    here.send("/me/password", old=people.PASSWORD, new="nineteen copper kettles")
    assert people.browser(house).post("/sign-in/code", step=step, code=app.at(moment())).status_code == 401


def test_the_proof_of_the_first_step_is_good_for_five_minutes(
    house: House, ada: people.Human, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdb_service.people import signing_in

    _, app, _ = people.with_second_step(house, ada)
    monkeypatch.setattr(signing_in, "STEP_SECONDS", -1)
    step = step_of(people.browser(house), ada)

    answer = people.browser(house).post("/sign-in/code", step=step, code=app.at(moment()))
    assert answer.status_code == 401
    assert "step_over" in answer.text


def test_switching_it_off_needs_password_and_code(house: House, ada: people.Human) -> None:
    here, app, codes = people.with_second_step(house, ada)

    assert here.send("/me/second-step/off", password="not it", code=app.at(moment())).status_code == 403
    assert here.send("/me/second-step/off", password=people.PASSWORD, code="000000").status_code == 403
    assert people.row(house, ada).totp_since is not None
    assert here.send("/me/second-step/off", password=people.PASSWORD, code=codes[0]).status_code == 303

    assert people.browser(house).sign_in(ada).status_code == 303
    assert house.count(RecoveryCode, RecoveryCode.user_id == ada.id) == 0


def test_another_cannot_be_set_up_over_one_that_is_on(house: House, ada: people.Human) -> None:
    here, _, _ = people.with_second_step(house, ada)

    assert here.send("/me/second-step").status_code == 409
    assert here.get("/me/second-step").status_code == 409
    assert here.send("/me/second-step/confirm", code="000000").status_code == 409


def test_neither_the_seed_nor_a_recovery_code_is_stored_as_it_is(house: House, ada: people.Human) -> None:
    _, app, codes = people.with_second_step(house, ada)

    user = people.row(house, ada)
    with house.runtime.database.reading() as session:
        kept = session.query(RecoveryCode).where(RecoveryCode.user_id == ada.id).all()
        told = session.query(AuditEvent).where(AuditEvent.object_id == ada.id).all()
    everything = str([vars(each) for each in (user, *kept, *told)])
    for secret in (app.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in everything
    assert user.totp_sealed is not None
    assert base64.b32decode(app.secret) not in user.totp_sealed
    assert app.secret.encode() not in user.totp_sealed


def test_a_seed_moved_to_another_person_does_not_open(house: House, ada: people.Human) -> None:
    bob = people.add(house, ada.account)
    people.with_second_step(house, ada)
    moved = people.row(house, bob)
    moved.totp_sealed = people.row(house, ada).totp_sealed

    with pytest.raises(SealBroken):
        second_step.pending(moved, keys=house.runtime.keys)


def test_the_picture_holds_what_an_app_needs(house: House, ada: people.Human) -> None:
    _, app, _ = people.with_second_step(house, ada)
    user = people.row(house, ada)
    found = pyotp.parse_uri(second_step.address_of(user, people.secret(app.secret)))

    assert isinstance(found, pyotp.TOTP)
    assert (found.secret, found.name, found.issuer) == (app.secret, ada.email, "SDB")
