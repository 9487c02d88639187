"""People with names and passwords, and the browsers they sit at."""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pyotp
from fastapi.testclient import TestClient
from httpx2 import Response
from pwdlib.hashers.argon2 import Argon2Hasher

from sdb_service import clock
from sdb_service.identity import Rank
from sdb_service.people import users
from sdb_service.people.passwords import Hashing, Verified
from sdb_service.secret import Secret
from sdb_service.tables import Account, User
from tests.api.seeding import House, Person

PASSWORD = "seventeen violet trams"
WRONG = Verified(right=False)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Human:
    """Somebody who signs in by name; `account` is the account with its token."""

    id: str
    email: str
    account: Person


@dataclass
class Browser:
    """A browser at an address of its own, with its cookies."""

    house: House
    http: TestClient
    _csrf: str = field(default="")

    def post(self, path: str, **form: str) -> Response:
        """Send a form of the dashboard as it is, without the token that its page carries."""
        return self.http.post(f"/dashboard{path}", data=form)

    def send(self, path: str, **form: str) -> Response:
        """Send a form as the page does: with the session's token."""
        return self.post(path, csrf=self.csrf, **form)

    def get(self, path: str = "") -> Response:
        return self.http.get(f"/dashboard{path}")

    def sign_in(self, human: Human, password: str = PASSWORD) -> Response:
        return self.post("/sign-in", email=human.email, password=password)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/me").text)
        assert found, "not signed in"
        return found[1]

    @property
    def is_signed_in(self) -> bool:
        return self.get("/licenses").status_code == 200

    @property
    def cookie(self) -> str | None:
        return self.http.cookies.get("sdb_session")


def add(house: House, account: Person, *, rank: Rank = "owner", name: str = "Ada") -> Human:
    """A new person of the account."""
    email = f"person{next(_numbers)}@example.org"
    with house.runtime.database.transaction() as session:
        row = session.get_one(Account, account.id)
        user = users.add_user(session, row, email=email, name=name, rank=rank, password=_digest())
    return Human(user.id, email, account)


def browser(house: House, *, address: str | None = None, **options: Any) -> Browser:
    """A fresh one, at an address that nobody else has unless one is given."""
    number = next(_numbers)
    here = (address or f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 50_000)
    app: Any = house.http.app
    options = {"follow_redirects": False, "raise_server_exceptions": False} | options
    return Browser(house, TestClient(app, client=here, **options))


def signed_in(house: House, human: Human) -> Browser:
    found = browser(house)
    assert found.sign_in(human).status_code == 303
    return found


def with_second_step(house: House, human: Human) -> tuple[Browser, pyotp.TOTP, list[str]]:
    """The person after they set up the second step on the dashboard: their app, and the recovery codes."""
    found = signed_in(house, human)
    assert found.send("/me/second-step").status_code == 303
    shown = re.search(r'class="code">([A-Z2-7 ]+)<', found.get("/me/second-step").text)
    assert shown
    app = pyotp.TOTP(shown[1].replace(" ", ""))
    answer = found.send("/me/second-step/confirm", code=app.at(settled_moment() - 30))
    assert answer.status_code == 200, answer.text
    codes = re.search(r"<code>([a-z2-9\s-]+)</code>", answer.text)
    assert codes
    return found, app, codes[1].split()


def settled_moment() -> float:
    """Now, but not so late in a step of half a minute that a code of it may be too old when it arrives."""
    while (now := clock.now().timestamp()) % 30 > 25:
        time.sleep(0.2)
    return now


def row(house: House, human: Human) -> User:
    with house.runtime.database.reading() as session:
        return session.get_one(User, human.id)


@contextmanager
def counted_hashing(monkeypatch: Any) -> Iterator[list[str]]:
    """Whatever reaches argon2 while this lasts: the digests that passwords were compared with."""
    reached: list[str] = []
    verify = Argon2Hasher.verify

    def counting(self: Argon2Hasher, password: Any, digest: Any) -> bool:
        reached.append(digest)
        return verify(self, password, digest)

    with monkeypatch.context() as patched:
        patched.setattr(Argon2Hasher, "verify", counting)
        yield reached


@cache
def _digest() -> str:
    return Hashing().digest(Secret(PASSWORD.encode()))


def secret(text: str) -> Secret:
    return Secret(text.encode())
