"""Everybody there is, and objects of each kind for them: what the tests of the policy ask about."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.policy import Scope
from sdb_service import identity
from sdb_service.ids import new_id
from sdb_service.tables import Job
from tests.api.seeding import NOBODY, House, Person

CONTENT = b"abc"
KINDS = {"upload": "upl", "model": "mdl", "dataset": "dst", "job": "job", "box": "box", "license": "lic"}
KINDS |= {"account": "acc", "token": "tok"}
REPORT = {"schema": "sdb-report/1", "policy": "sdb", "accuracy": {"closed": {"mean": 1.5, "std": 0, "seeds": 1}}}


def token_of(
    house: House, account_id: str, *, scopes: list[Scope] | None = None, rank: identity.Rank = "owner", **named: Any
) -> Person:
    """Another token of an account."""
    with house.runtime.database.transaction() as session:
        key = house.runtime.token_key
        _, text = identity.issue_token(session, account_id, name="test", key=key, scopes=scopes, rank=rank, **named)
    return Person(account_id, {"Authorization": f"Bearer {text.reveal().decode()}"})


@dataclass(frozen=True)
class World:
    """Two providers, one with a member and a licensed customer; a customer of nobody, an admin, the public."""

    house: House
    people: dict[str, Person]
    stranger: Person

    @classmethod
    def on(cls, house: House) -> "World":
        owner = house.person("provider")
        people = {
            "public": NOBODY,
            "customer": house.person("customer"),
            "licensed": house.person("customer"),
            "member": token_of(house, owner.id, rank="member"),
            "owner": owner,
            "admin": house.person("admin"),
        }
        return cls(house, people, house.person("provider"))

    @property
    def owner(self) -> Person:
        return self.people["owner"]

    def make(self, kind: str, owner: Person, *, route: str = "", who: str = "owner") -> str:
        """A fresh object of `owner`, in a state in which `route` can do its work; accounts and tokens are of `who`."""
        makers: dict[str, Callable[[], str]] = {
            "account": lambda: self._account(owner, who),
            "token": lambda: self._token(owner, who),
            "upload": lambda: self._upload(owner, route),
            "model": lambda: self.house.model(owner),
            "dataset": lambda: self.house.dataset(owner),
            "job": lambda: self._job(owner, route),
            "box": lambda: self._box(owner),
            "license": lambda: self._license(owner, route),
        }
        return makers[kind]()

    def _box(self, owner: Person) -> str:
        box = self.house.box(owner)
        if owner is self.owner:
            self.house.license(owner, box, self.people["licensed"])
        return box

    def _license(self, owner: Person, route: str) -> str:
        holder = self.people["licensed"] if owner is self.owner else self._someone()
        held = self.house.license(owner, self.house.box(owner), holder)
        if route.endswith("/reinstate"):
            self.house.post(owner, f"/v1/licenses/{held}/suspend")
        return held

    def _someone(self) -> Person:
        return self.house.person("customer")

    def _account(self, owner: Person, who: str) -> str:
        if who == "admin" or owner is self.stranger:
            return self._someone().id
        return self.people[who].id if who != "public" else owner.id

    def _token(self, owner: Person, who: str) -> str:
        account = owner if owner is self.stranger or who == "public" else self.people[who]
        with self.house.runtime.database.transaction() as session:
            key = self.house.runtime.token_key
            rank: identity.Rank = "member" if who == "member" else "owner"
            return identity.issue_token(session, account.id, name="x", key=key, rank=rank)[0].id

    def _upload(self, owner: Person, route: str) -> str:
        if "{upload_id}" not in route:
            return self.house.upload(owner, "x.zip")
        body = {"filename": "x.zip", "size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
        upload = str(self.house.post(owner, "/v1/uploads", body).json()["id"])
        sent = self.house.http.put(f"/v1/uploads/{upload}/parts/1", content=CONTENT, headers=owner.headers)
        assert sent.status_code == 200, sent.text
        return upload

    def _job(self, owner: Person, route: str) -> str:
        if route.endswith("/cancel"):
            return self.house.job(owner)
        job = self.house.job(owner, state="succeeded")
        key = f"jobs/{job}/1/artifacts/report.json"
        self.house.runtime.storage.put_bytes(key, json.dumps(REPORT).encode())
        with self.house.runtime.database.transaction() as session:
            session.get_one(Job, job).report_key = key
        return job


def missing(kind: str) -> str:
    """An id that nothing has, as long as one that something has."""
    return new_id(KINDS[kind])
