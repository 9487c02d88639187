"""Webhooks and re-keying in Python and on the command line; and what a receiver believes."""

import json
import threading
import time

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Standard

from api.webhooks.signing import fresh_secret, shown, signed_headers
from sdb_client import Box, Client, Conflict, Invalid, NotFound, WebhookRefused, verify_webhook
from sdb_service.tables import Job as JobRow

from . import standing_in
from .conftest import Sdb
from .running import Service
from .standing_in import JOBS

pytestmark = pytest.mark.trust

URL = "https://8.8.8.8/hook"  # nothing is sent in these tests
BODY = b'{"id":"msg_1","type":"license.revoke"}'


def test_a_webhook_is_made_tried_stopped_and_deleted(provider: Client, customer: Client) -> None:
    made = provider.webhooks.create(URL, events=["license.revoke", "box.rekey"], description="mine")
    assert Standard(made.secret)
    assert made.secret not in repr(made)
    assert [found.id for found in provider.webhooks.list()] == [made.id]
    delivery = provider.webhooks.test(made.id)
    assert [found.id for found in provider.webhooks.deliveries(made.id)] == [delivery.id]
    with pytest.raises(Conflict):
        provider.webhooks.redeliver(made.id, delivery.id)
    assert provider.webhooks.disable(made.id).state == "disabled"
    assert next(provider.webhooks.deliveries(made.id)).error == "webhook_disabled"
    assert provider.webhooks.enable(made.id).state == "enabled"
    assert provider.webhooks.redeliver(made.id, delivery.id).state == "waiting"
    with pytest.raises(NotFound):
        customer.webhooks.get(made.id)
    with pytest.raises(Invalid) as refused:
        provider.webhooks.create("https://127.0.0.1/", events=["box.make"])
    assert refused.value.code == "webhook_address_refused"
    provider.webhooks.delete(made.id)
    assert list(provider.webhooks.list()) == []


def test_the_command_makes_one_and_shows_its_secret_once(sdb: Sdb) -> None:
    told = sdb("webhooks", "make", URL, "--events", "license.revoke, box.rekey", "--json")
    made = json.loads(told.stdout)
    assert (told.returncode, made["events"]) == (0, ["license.revoke", "box.rekey"])
    assert made["secret"].startswith("whsec_")
    shown_later = [sdb("webhooks", "get", made["id"]), sdb("webhooks", "list"), sdb("webhooks", "disable", made["id"])]
    assert [each.returncode for each in shown_later] == [0, 0, 0]
    assert made["secret"] not in "".join(each.stdout + each.stderr for each in shown_later)
    assert sdb("webhooks", "enable", made["id"]).returncode == 0
    tried = json.loads(sdb("webhooks", "test", made["id"], "--json").stdout)
    assert "webhook.test" in sdb("webhooks", "deliveries", made["id"]).stdout
    assert "delivery_waiting" in sdb("webhooks", "redeliver", made["id"], tried["id"]).stderr
    assert sdb("webhooks", "delete", made["id"]).returncode == 0
    assert sdb("webhooks", "get", made["id"]).returncode == 1


def test_a_receiver_believes_what_the_service_signed_and_nothing_else() -> None:
    secret = fresh_secret()
    text = shown(secret).reveal().decode()
    headers = signed_headers(secret, "msg_1", BODY, timestamp=1000)
    assert verify_webhook(text, BODY, headers, now=1100)["type"] == "license.revoke"
    capitals = {name.title(): value for name, value in headers.items()}
    assert verify_webhook(text, BODY, capitals, now=1000)["id"] == "msg_1"
    rotated = headers | {"webhook-signature": f"v1,AAAA v2,x {headers['webhook-signature']}"}
    assert verify_webhook(text, BODY, rotated, now=1000)
    refused = [
        (text, BODY + b" ", headers),
        (text, BODY, headers | {"webhook-id": "msg_2"}),
        (text, BODY, headers | {"webhook-timestamp": "1001"}),
        (text, BODY, headers | {"webhook-timestamp": "soon"}),
        (text, BODY, headers | {"webhook-signature": "v1,"}),
        (text, BODY, headers | {"webhook-signature": headers["webhook-signature"].replace("v1", "v1a")}),
        (text, BODY, headers | {"webhook-signature": "v1,é"}),
        (text, BODY, {}),
        (shown(fresh_secret()).reveal().decode(), BODY, headers),
        ("whsec_???", BODY, headers),
    ]
    for given in refused:
        with pytest.raises(WebhookRefused):
            verify_webhook(*given, now=1000)
    for moment in (699, 1301):
        with pytest.raises(WebhookRefused, match="too old"):
            verify_webhook(text, BODY, headers, now=moment)


def test_what_another_implementation_signs_is_believed_too() -> None:
    from datetime import UTC, datetime

    text, now = shown(fresh_secret()).reveal().decode(), int(time.time())
    moment = datetime.fromtimestamp(now, UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": Standard(text).sign("msg_1", moment, BODY.decode()),
    }
    assert verify_webhook(text, BODY, headers)["id"] == "msg_1"


def test_a_box_gets_a_new_key_and_its_license_a_successor(
    service: Service, provider: Client, customer: Client, box: Box
) -> None:
    held = provider.licenses.grant(box.id, customer.accounts.me().id)
    job = provider.boxes.rekey(box.id)
    assert job.replaces_box_id == box.id
    with pytest.raises(Conflict, match=job.id):
        provider.boxes.rekey(box.id)
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id))
    new = provider.boxes.get(provider.jobs.wait(job.id, timeout=10).box_id or "")
    assert (new.replaces_box_id, provider.boxes.get(box.id).replaced_by) == (box.id, new.id)
    old = customer.licenses.get(held.id)
    assert (old.state, old.reason) == ("revoked", "license_replaced")
    successor = customer.licenses.get(old.replaced_by or "")
    assert (successor.box_id, successor.valid, successor.replaces_license_id) == (new.id, True, held.id)
    assert customer.licenses.key(successor.id)


def test_the_command_waits_for_the_new_box(sdb: Sdb, service: Service, box: Box) -> None:
    worker = threading.Thread(target=_work, args=(service, box.id), daemon=True)
    worker.start()
    told = sdb("boxes", "rekey", box.id, "--wait", "--json")
    worker.join(30)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["replaces_box_id"] == box.id
    assert "stay" in told.stderr
    again = sdb("boxes", "rekey", box.id)
    assert (again.returncode, "box_replaced" in again.stderr) == (1, True)


def _work(service: Service, box_id: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with service.runtime.database.reading() as session:
            found = session.execute(select(JobRow.id).where(JobRow.replaces_box_id == box_id)).scalar_one_or_none()
        if found is not None:
            standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, found))
            return
        time.sleep(0.05)
