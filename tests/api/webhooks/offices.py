"""Accounts with webhooks on a database of their own, and who delivers to them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from api.webhooks import schemas, service
from api.webhooks.delivering import Deliveries
from sdb_service import clock, identity
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import AuditEvent, Webhook, WebhookDelivery
from tests.api.webhooks.receivers import Receiver, outbound


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = clock.now()

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


class Office:
    """Accounts with webhooks, and what happens to them."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.secrets: dict[str, str] = {}

    def account(self, name: str = "one", role: identity.Role = "provider") -> Caller:
        with self.runtime.database.transaction() as session:
            account = identity.create_account(session, name, role=role)
            return Caller(account.id, role, name)

    def webhook(self, owner: Caller, url: str, *events: Any) -> str:
        wanted = schemas.NewWebhook(url=url, events=list(events or ("license.grant",)))
        with self.runtime.database.transaction() as session:
            made, secret = service.create(session, owner, wanted, runtime=self.runtime)
            self.secrets[made.id] = secret.reveal().decode()
            return made.id

    def act(self, owner: Caller, action: str = "license.grant", **more: Any) -> None:
        with self.runtime.database.transaction() as session:
            record_act(session, owner, action, "lic_1", owner=owner.account_id, **more)

    def rows(self) -> list[WebhookDelivery]:
        with self.runtime.database.reading() as session:
            return list(session.execute(select(WebhookDelivery).order_by(WebhookDelivery.id)).scalars())

    @property
    def row(self) -> WebhookDelivery:
        (row,) = self.rows()
        return row

    def seen(self, webhook_id: str) -> Webhook:
        with self.runtime.database.reading() as session:
            return session.get_one(Webhook, webhook_id)

    def acts(self) -> list[tuple[str, Any]]:
        with self.runtime.database.reading() as session:
            rows = session.execute(select(AuditEvent).order_by(AuditEvent.number)).scalars()
            return [(row.action, row.detail.get("reason")) for row in rows]


def postman(office: Office, *receivers: Receiver) -> Deliveries:
    return Deliveries(office.runtime, outbound(*receivers))
