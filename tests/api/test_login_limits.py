"""Ten attempts in five minutes are looked at, however many are made and from wherever; the owner still gets in."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from sdb_service.errors import ServiceError, TooManyRequests
from sdb_service.networks import network_of
from sdb_service.people.attempts import Attempts
from sdb_service.people.signing_in import Door, Visit, sign_in
from sdb_service.secret import Secret
from sdb_service.tables import AuditEvent
from tests.api import people
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.seeding import House, Person
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust

ATTEMPTS = 10_000
WRONG = Secret(b"not the password")


def attack(house: House, door: Door, tries: list[tuple[str, str]]) -> list[str]:
    """Try a wrong password for each name and address, by all that the sign-in form does: the codes of the answers."""

    def once(tried: tuple[str, str]) -> str:
        try:
            sign_in(house.runtime, door, email=tried[0], password=WRONG, visit=Visit(address=tried[1]))
        except ServiceError as refused:
            return refused.code
        return "entered"

    with ThreadPoolExecutor(8) as crowd:
        return list(crowd.map(once, tries))


def test_of_10_000_attempts_from_one_address_ten_reach_argon2(
    each_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(each_house.runtime.settings)
    names = [f"victim{number}@one-address.example" for number in range(100)]
    tries = [(names[number % 100], "203.0.113.7") for number in range(ATTEMPTS)]

    with people.counted_hashing(monkeypatch) as reached:
        codes = attack(each_house, door, tries)

    assert len(reached) == 10
    assert (codes.count("sign_in_refused"), codes.count("sign_in_limited")) == (10, ATTEMPTS - 10)


def test_of_10_000_attempts_from_1_000_addresses_at_one_name_ten_reach_argon2(
    each_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = people.add(each_house, each_house.person("provider"))
    door = Door(each_house.runtime.settings)
    addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(1000)]
    tries = [(ada.email, addresses[number % 1000]) for number in range(ATTEMPTS)]

    with people.counted_hashing(monkeypatch) as reached:
        codes = attack(each_house, door, tries)

    assert len(reached) == 10
    assert (codes.count("sign_in_refused"), codes.count("sign_in_limited")) == (10, ATTEMPTS - 10)


@pytest.mark.nightly
def test_10_000_attempts_over_http_reach_argon2_ten_times(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _over_http(house, monkeypatch, ATTEMPTS)


def test_300_attempts_over_http_reach_argon2_ten_times(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _over_http(house, monkeypatch, 300)


def _over_http(house: House, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    ada = people.add(house, house.person("provider"))
    browsers = [people.browser(house) for _ in range(100)]
    with people.counted_hashing(monkeypatch) as reached:
        answers = [browsers[turn % 100].sign_in(ada, "not the password") for turn in range(count)]

    assert len(reached) == 10
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * (count - 10)
    assert all(1 <= int(answer.headers["retry-after"]) <= 301 for answer in answers[10:])


def test_one_address_alone_does_not_keep_a_name_from_its_owner(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    stranger = people.browser(house)

    codes = [stranger.sign_in(ada, "not the password").status_code for _ in range(30)]

    assert codes == [401] * 5 + [429] * 25
    assert people.browser(house).sign_in(ada).status_code == 303


def test_an_attack_that_goes_on_does_not_keep_the_owner_out_of_a_device_they_know(
    house: House, provider: Person
) -> None:
    ada = people.add(house, provider)
    home = people.signed_in(house, ada)
    home.send("/logout")
    for _ in range(20):
        people.browser(house).sign_in(ada, "not the password")
    assert people.browser(house).sign_in(ada).status_code == 429, (
        "the right password does not help a stranger's browser"
    )

    assert home.sign_in(ada).status_code == 303


def test_whoever_chose_a_new_password_gets_in_while_strangers_try_the_name(house: House, provider: Person) -> None:
    ada = people.add(house, provider)
    link = house.post(provider, f"/v1/users/{ada.id}/password-reset").json()["url"].partition("/dashboard")[2]
    for _ in range(12):
        people.browser(house).sign_in(ada, "not the password")
    fresh = people.browser(house)

    assert fresh.post(link, password="nineteen copper kettles").status_code == 303
    assert fresh.sign_in(ada, "nineteen copper kettles").status_code == 303


def test_a_known_device_has_ten_attempts_too(house: House, provider: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = people.add(house, provider)
    home = people.signed_in(house, ada)
    with people.counted_hashing(monkeypatch) as reached:
        codes = [home.sign_in(ada, "not the password").status_code for _ in range(30)]

    assert codes == [401] * 10 + [429] * 20
    assert len(reached) == 10


def test_a_made_up_device_cookie_is_no_known_device(
    house: House, provider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = people.add(house, provider), people.add(house, provider)
    others = people.signed_in(house, bob).http.cookies["sdb_device"]
    known = people.signed_in(house, ada).http.cookies["sdb_device"]
    device, until, proof = known.split(".")
    made_up = [
        others,
        "x",
        "..",
        f"{device}.{until}.{proof[:-1]}0",
        f"0{device}.{until}.{proof}",
        f"{device}.9{until}.{proof}",
    ]
    for _ in range(20):
        people.browser(house).sign_in(ada, "not the password")

    with people.counted_hashing(monkeypatch) as reached:
        for cookie in made_up:
            browser = people.browser(house)
            browser.http.cookies.set("sdb_device", cookie, domain="testserver.local", path="/dashboard")
            assert browser.sign_in(ada).status_code == 429, cookie

    assert reached == []


def test_the_window_slides_so_nobody_is_locked_out_for_good(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, sign_in_attempts=2, sign_in_window_seconds=4) as house:
        ada = people.add(house, house.person("provider"))
        while people.browser(house).sign_in(ada, "not the password").status_code != 429:
            pass

        assert people.browser(house).sign_in(ada).status_code == 429
        time.sleep(4.1)
        assert people.browser(house).sign_in(ada).status_code == 303


def test_refused_attempts_do_not_make_the_wait_longer(embedded_profile: Profile) -> None:
    attempts = Attempts(embedded_profile.settings.model_copy(update={"sign_in_window_seconds": 2}))
    end, looked_at, refused = time.monotonic() + 30, 0, 0
    while looked_at < 11 and time.monotonic() < end:
        try:
            attempts.require_sign_in("ada", address="203.0.113.1", device="known")
            looked_at += 1
        except TooManyRequests:
            refused += 1
            time.sleep(0.01)

    assert looked_at == 11
    assert refused > 10


def test_the_addresses_of_one_ipv6_network_count_as_one(embedded_profile: Profile) -> None:
    attempts = Attempts(embedded_profile.settings)
    taken = 0
    for number in range(100):
        try:
            attempts.require_sign_in(f"name {number}", address=f"2001:db8:1:2::{number:x}", device=None)
            taken += 1
        except TooManyRequests:
            pass

    assert taken == 10
    attempts.require_sign_in("name", address="2001:db8:1:3::1", device=None)
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"


def test_two_processes_on_redis_count_together(production_profile: Profile) -> None:
    both = [Attempts(production_profile.settings) for _ in range(2)]
    taken = 0
    for number in range(40):
        try:
            both[number % 2].require_sign_in("ada", address=f"203.0.113.{number}", device=None)
            taken += 1
        except TooManyRequests:
            pass

    assert taken == 10


def test_without_redis_a_process_counts_for_itself(production_profile: Profile) -> None:
    broken = production_profile.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    attempts = Attempts(broken)
    for _ in range(10):
        attempts.require_own("usr_1")

    with pytest.raises(TooManyRequests):
        attempts.require_own("usr_1")


def test_an_attack_is_in_the_audit_log_and_does_not_fill_it(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, sign_in_attempts=1_000) as house:
        door = Door(house.runtime.settings)
        door.hashing.verify = lambda _password, _digest: people.WRONG  # type: ignore[method-assign, assignment]
        attack(house, door, [(f"n{number}@example.org", "203.0.113.7") for number in range(600)])

        assert house.count(AuditEvent, AuditEvent.action == "session.refuse") == 100
        with house.runtime.database.reading() as session:
            kept = session.execute(text("SELECT detail, object_id, address FROM audit_events")).all()
        assert "n1@example.org" not in str(kept)
