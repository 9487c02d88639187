"""Everybody there is, and objects of each kind for them: what the tests of the policy ask about."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from api.policy import Scope
from sdb_service import identity, telling
from sdb_service.ids import new_id
from sdb_service.tables import Job, Webhook
from tests.api import people as humans
from tests.api.seeding import NOBODY, House, Person

CONTENT = b"abc"
KINDS = {"upload": "upl", "model": "mdl", "dataset": "dst", "job": "job", "box": "box", "license": "lic"}
KINDS |= {"account": "acc", "token": "tok", "user": "usr", "invitation": "inv", "webhook": "whk"}
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
    _webhooks: dict[str, str] = field(default_factory=dict)  # by account, which may have few

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
            "user": lambda: self._user(owner, who),
            "invitation": lambda: self._invitation(owner, who),
            "webhook": lambda: self._webhook(owner, route, who),
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

    def _of(self, owner: Person, who: str) -> Person:
        """Whose a thing is that everybody may have for themselves."""
        if owner is self.stranger or who == "public":
            return owner
        return self.owner if who == "member" else self.people[who]

    def _user(self, owner: Person, who: str) -> str:
        account = self._of(owner, who)
        humans.add(self.house, account)  # who stays: the last one cannot go
        return humans.add(self.house, account).id

    def _invitation(self, owner: Person, who: str) -> str:
        body = {"email": f"{new_id('x')}@example.org"}
        return str(self.house.post(self._of(owner, who), "/v1/invitations", body).json()["id"])

    def _webhook(self, owner: Person, route: str, who: str) -> str:
        account, body = self._of(owner, who), {"url": "https://8.8.8.8/", "events": ["box.make"]}
        kept = self._webhooks.pop(account.id, None)
        made = kept or str(self.house.post(account, "/v1/webhooks", body).json()["id"])
        if route != "/v1/webhooks/{webhook_id}":  # where it may be deleted
            self._webhooks[account.id] = made
        with self.house.runtime.database.transaction() as session:
            session.get_one(Webhook, made).state = "enabled"
        return made

    def delivery(self, webhook_id: str) -> str:
        """Something that the webhook could not be told; an id that nothing has, where there is no such webhook."""
        with self.house.runtime.database.transaction() as session:
            webhook = session.get(Webhook, webhook_id)
            if webhook is None:
                return new_id(telling.ID)
            made = telling.delivery(webhook, "box.make", "box_none")
            made.state = "failed"
            session.add(made)
            return made.id

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
