"""A worker that makes boxes without training, for what happens around it."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import lifecycle
from sdb_service.lifecycle import JOBS, Claim
from sdb_service.recording import record_act
from sdb_service.tables import Box, Job, WebhookDelivery
from tests.api.seeding import House, Person, _box_of, _sealed, kappa_of


def begun(house: House, job_id: str) -> Claim:
    """A worker takes the job."""
    with house.runtime.database.transaction() as session:
        held = lifecycle.claim(session, JOBS, job_id, owner="stand-in", lease_seconds=60)
    assert held is not None
    return held


def publish(house: House, session: Session, held: Claim) -> Box:
    """What the worker's last transaction does: the box, its key, and the record of it."""
    job = session.get_one(Job, held.id)
    box = _box_of(job, house.network, {})
    session.add(_sealed(box, kappa_of(box.id), house.runtime))
    lifecycle.publish_box(session, held, box, report_key=None)
    record_act(session, None, "box.make", box.id, owner=box.account_id, detail={"job_id": job.id})
    return box


def finished(house: House, job_id: str) -> str:
    """The job succeeds; its box."""
    held = begun(house, job_id)
    with house.runtime.database.transaction() as session:
        box = publish(house, session, held)
    house.runtime.storage.put_bytes(box.onnx_key, house.network.content)
    return box.id


def rekeyed(house: House, owner: Person, box_id: str) -> tuple[str, str]:
    """Ask for a new key and let the job succeed; the ids of the job and of its box."""
    asked = house.post(owner, f"/v1/boxes/{box_id}/rekey")
    assert asked.status_code == 202, asked.text
    return asked.json()["id"], finished(house, asked.json()["id"])


def standing(house: House, owner: Person, box_id: str) -> tuple[Any, ...]:
    """All that a re-keying may change of a box and its licenses, as its owner sees it."""
    box = house.get(owner, f"/v1/boxes/{box_id}").json()
    licenses = [row for row in house.get(owner, "/v1/licenses?limit=200").json()["data"] if row["box_id"] == box_id]
    shown = ("id", "state", "reason", "replaced_by", "downloads")
    return box["published"], box["replaced_by"], [tuple(row[name] for name in shown) for row in licenses]


def licensed(house: House, owner: Person, box: str, **values: Any) -> tuple[Person, str]:
    customer = house.person("customer")
    return customer, house.license(owner, box, customer, **values)


def told_to(house: House, who: Person) -> list[dict[str, Any]]:
    """What the webhooks of an account are told, oldest first."""
    with house.runtime.database.reading() as session:
        statement = select(WebhookDelivery.body).where(WebhookDelivery.account_id == who.id)
        return [json.loads(body) for body in session.execute(statement.order_by(WebhookDelivery.id)).scalars()]


def listen(house: House, who: Person, *events: str) -> None:
    answer = house.post(who, "/v1/webhooks", {"url": "https://8.8.8.8/", "events": list(events)})
    assert answer.status_code == 201, answer.text
