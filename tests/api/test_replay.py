"""What was taken back is refused: at once where it was taken back, within a second in every other process."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from sdb_service import clock
from sdb_service.tables import Token
from tests.api.conftest import house_on
from tests.api.networks import Network, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.wiring import Wired, request, wired
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust

BODY = as_npy(random_pixels(1))
PEOPLE = 10
SECONDS = 1.0


@pytest.fixture
def other(any_house: House, any_profile: Profile, network: Network) -> Iterator[House]:
    """A second process on the same database and store, as far as memory goes: it shares none with the first."""
    with house_on(any_profile.settings, network) as opened:
        yield opened


def revoke(house: House, admin: Person, who: Person) -> None:
    token = house.get(who, "/v1/tokens").json()["data"][0]["id"]
    assert house.http.delete(f"/v1/tokens/{token}", headers=who.headers).status_code == 204


def expire(house: House, admin: Person, who: Person) -> None:
    """The token comes to its end; nobody tells any process."""
    with house.runtime.database.transaction() as session:
        session.execute(update(Token).where(Token.account_id == who.id).values(expires_at=clock.now()))


def change_role(house: House, admin: Person, who: Person) -> None:
    role = "provider" if house.get(who, "/v1/accounts/me").json()["role"] == "customer" else "customer"
    answer = house.http.patch(f"/v1/accounts/{who.id}", json={"role": role}, headers=admin.headers)
    assert (answer.status_code, answer.json()["role"]) == (200, role)


def close(house: House, admin: Person, who: Person) -> None:
    assert house.http.delete(f"/v1/accounts/{who.id}", headers=admin.headers).status_code == 204


ACTS = [revoke, expire, change_role, close]


def doors(house: House, wire: Wired, holder: Person, owner: Person, box: str) -> dict[str, Callable[[], int]]:
    """Ways on which the two are answered: the shortcuts of a running server, and the routes."""
    return {
        "distill": lambda: wire.ask(request(box, BODY, who=holder, act="distill"))[0].status,
        "predict": lambda: wire.ask(request(box, BODY, who=owner))[0].status,
        "weights": lambda: house.get(holder, f"/v1/boxes/{box}/checkpoint").status_code,
        "box": lambda: house.get(owner, f"/v1/boxes/{box}").status_code,
    }


@pytest.mark.parametrize("act", ACTS)
def test_a_token_is_refused_at_once_here_and_within_a_second_elsewhere(
    any_house: House, other: House, act: Callable[[House, Person, Person], None]
) -> None:
    admin = any_house.person("admin")
    rows = []
    for _ in range(PEOPLE):
        owner, holder = any_house.person("provider"), any_house.person("customer")
        box = any_house.box(owner)
        any_house.license(owner, box, holder)
        rows.append((owner, holder, box))
    with wired(any_house) as here, wired(other) as there:
        asked = [
            (doors(any_house, here, holder, owner, box), doors(other, there, holder, owner, box))
            for owner, holder, box in rows
        ]
        for near, far in asked:  # twice: the second answer is of what is remembered
            assert {name: (ask(), ask()) for name, ask in (near | far).items()} == dict.fromkeys(near, (200, 200))
        for owner, holder, _ in rows:
            act(any_house, admin, owner)
            act(any_house, admin, holder)
        over = time.monotonic() + SECONDS
        if act is expire:
            time.sleep(SECONDS)
        answered_here = [name for near, _ in asked for name, ask in near.items() if ask() == 200]
        time.sleep(max(0.0, over - time.monotonic()))
        answered_there = [name for _, far in asked for name, ask in far.items() if ask() == 200]
        assert len(there.taken) > 0, "nothing went by the shortcut"

    assert (answered_here, answered_there) == ([], [])


@pytest.mark.parametrize("act", ACTS)
def test_a_stream_that_is_open_ends_within_a_second_of_the_right_to_it(
    house: House, admin: Person, provider: Person, act: Callable[[House, Person, Person], None]
) -> None:
    with wired(house) as wire, wire.connect() as line:
        head = f"GET /v1/jobs/{house.job(provider)}/events HTTP/1.1\r\nHost: here\r\n"
        line.sendall(f"{head}Authorization: {provider.headers['Authorization']}\r\n\r\n".encode())
        assert b"200 OK" in line.recv(65_536)
        line.settimeout(SECONDS)
        with pytest.raises(TimeoutError):  # the job waits, and so does the stream
            line.recv(65_536)

        act(house, admin, provider)
        time.sleep(SECONDS)

        assert line.recv(65_536).endswith(b"0\r\n\r\n")


def test_a_session_is_refused_after_it_was_left_whoever_kept_its_cookie(any_house: House, other: House) -> None:
    for _ in range(PEOPLE):
        link = any_house.post(any_house.person("customer"), "/v1/login-links").json()["url"]
        opened = any_house.http.post(link[link.index("/dashboard") :], follow_redirects=False)
        any_house.http.cookies.clear()
        cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
        page = any_house.http.get("/dashboard", headers=cookie)
        assert [page.status_code, other.http.get("/dashboard", headers=cookie).status_code] == [200, 200]
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf is not None

        left = any_house.http.post("/dashboard/logout", data={"csrf": csrf[1]}, headers=cookie)

        assert left.status_code == 200
        assert any_house.http.get("/dashboard", headers=cookie).status_code == 401
        assert other.http.get("/dashboard", headers=cookie).status_code == 401


def test_what_an_account_had_under_another_role_is_out_of_its_reach_until_it_has_it_again(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer)
    change_role(house, admin, provider)
    change_role(house, admin, customer)

    assert house.get(provider, "/v1/boxes").json()["data"] == []
    problem_of(house.get(provider, f"/v1/boxes/{box}"), 404, "box_not_found")
    problem_of(house.post(provider, f"/v1/licenses/{held}/revoke"), 404, "license_not_found")
    problem_of(house.get(customer, f"/v1/licenses/{held}/key"), 404, "license_not_found")
    assert house.get(customer, "/v1/licenses").json()["data"] == []

    change_role(house, admin, provider)
    change_role(house, admin, customer)
    assert house.get(customer, f"/v1/licenses/{held}/key").status_code == 200
