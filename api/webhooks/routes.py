"""`/v1/webhooks`: addresses that are told of what happens to one's own account, signed and tried again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, status

from api.access import allow
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.paging import Page, PagingDep, page
from api.webhooks import queries, schemas, service
from api.webhooks.sending import Outbound
from sdb_service.tables import Webhook, WebhookDelivery

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


def get_outbound(request: Request) -> Outbound:
    outbound: Outbound = request.app.state.outbound
    return outbound


OutboundDep = Annotated[Outbound, Depends(get_outbound)]


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=allow("webhook.create"))
def create_webhook(
    body: schemas.NewWebhook, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, outbound: OutboundDep
) -> schemas.FreshWebhook:
    """The secret is in this answer and nowhere else; a repeated call makes another webhook."""
    outbound.require_fit(body.url)  # before the transaction begins: it waits for a resolver
    return schemas.FreshWebhook.shown(*service.create(session, caller, body, runtime=runtime))


@router.get("", dependencies=allow("webhook.list"))
def list_webhooks(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Webhook]:
    return page(session, queries.visible_webhooks(caller), by=Webhook.id, paging=paging, shape=schemas.Webhook.of)


@router.get("/{webhook_id}", dependencies=allow("webhook.read"))
def get_webhook(webhook_id: str, caller: CallerDep, session: ReadSession) -> schemas.Webhook:
    return schemas.Webhook.of(queries.get_webhook(session, caller, webhook_id))


@router.delete("/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("webhook.change"))
def delete_webhook(webhook_id: str, caller: CallerDep, session: WriteSession) -> None:
    service.delete(session, caller, webhook_id)


@router.post("/{webhook_id}/enable", dependencies=allow("webhook.change"))
def enable_webhook(webhook_id: str, caller: CallerDep, session: WriteSession) -> schemas.Webhook:
    """What happened while it was disabled is not told."""
    return schemas.Webhook.of(service.enable(session, caller, webhook_id))


@router.post("/{webhook_id}/disable", dependencies=allow("webhook.change"))
def disable_webhook(webhook_id: str, caller: CallerDep, session: WriteSession) -> schemas.Webhook:
    """What waits to be delivered has failed."""
    return schemas.Webhook.of(service.disable(session, caller, webhook_id))


@router.post("/{webhook_id}/test", status_code=status.HTTP_202_ACCEPTED, dependencies=allow("webhook.change"))
def test_webhook(webhook_id: str, caller: CallerDep, session: WriteSession) -> schemas.Delivery:
    """Send a `webhook.test`; look at the delivery to see what came of it."""
    return schemas.Delivery.of(service.test(session, caller, webhook_id))


@router.get("/{webhook_id}/deliveries", dependencies=allow("webhook.read"))
def list_deliveries(
    webhook_id: str, caller: CallerDep, session: ReadSession, paging: PagingDep
) -> Page[schemas.Delivery]:
    """What it was told in the last month, and what waits to be told."""
    statement = queries.deliveries_of(queries.get_webhook(session, caller, webhook_id))
    return page(session, statement, by=WebhookDelivery.id, paging=paging, shape=schemas.Delivery.of)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=allow("webhook.change"),
)
def redeliver(webhook_id: str, delivery_id: str, caller: CallerDep, session: WriteSession) -> schemas.Delivery:
    """Send the same once more, under the same `webhook-id`."""
    return schemas.Delivery.of(service.redeliver(session, caller, webhook_id, delivery_id))
