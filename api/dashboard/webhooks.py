"""Pages of webhooks: those of one's own account, what they were told, and the secret of a new one, once."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.paging import PagingDep
from api.paging import page as page_of
from api.shapes import Name
from api.webhooks import queries, schemas, service
from api.webhooks.routes import OutboundDep
from sdb_service.errors import Invalid
from sdb_service.events import KINDS, EventType
from sdb_service.identity import Caller
from sdb_service.tables import Webhook, WebhookDelivery

router = APIRouter(prefix="/dashboard/webhooks", include_in_schema=False)

Act = Literal["enable", "disable", "test"]
_ACTS: dict[Act, tuple[Callable[[Session, Caller, str], object], str]] = {
    "enable": (service.enable, "webhook_enabled"),
    "disable": (service.disable, "webhook_disabled"),
    "test": (service.test, "webhook_tested"),
}


@router.get("", dependencies=viewing("webhook.list"))
def list_webhooks(viewer: ViewerDep, session: ReadSession, paging: PagingDep, done: str = "") -> HTMLResponse:
    statement = queries.visible_webhooks(viewer.caller)
    found = page_of(session, statement, by=Webhook.id, paging=paging, shape=schemas.Webhook.of)
    return page("webhooks.html", viewer, done=done, webhooks=found, kinds=KINDS)


@router.post("", dependencies=viewing("webhook.create"))
def create_webhook(
    actor: ActorDep,
    session: WriteSession,
    runtime: RuntimeDep,
    outbound: OutboundDep,
    url: Annotated[schemas.Url, Form()],
    events: Annotated[list[EventType] | None, Form()] = None,
    description: Annotated[Name | None, Form()] = None,
) -> HTMLResponse:
    """Answers with the page itself, not a redirect: the secret is shown here and stored nowhere."""
    if not events:
        raise Invalid("events_missing", "Choose at least one event that the webhook is told of.")
    outbound.require_fit(url.strip())
    wanted = schemas.NewWebhook(url=url.strip(), events=events, description=description)
    made, secret = service.create(session, actor.caller, wanted, runtime=runtime)
    return page("webhook_made.html", actor, webhook=schemas.FreshWebhook.shown(made, secret))


@router.get("/{webhook_id}", dependencies=viewing("webhook.read"))
def show_webhook(
    webhook_id: str, viewer: ViewerDep, session: ReadSession, paging: PagingDep, done: str = ""
) -> HTMLResponse:
    webhook = queries.get_webhook(session, viewer.caller, webhook_id)
    statement = queries.deliveries_of(webhook)
    found = page_of(session, statement, by=WebhookDelivery.id, paging=paging, shape=schemas.Delivery.of)
    return page("webhook.html", viewer, done=done, webhook=schemas.Webhook.of(webhook), deliveries=found)


@router.post("/{webhook_id}/delete", dependencies=viewing("webhook.change"))
def delete_webhook(webhook_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.delete(session, actor.caller, webhook_id)
    return back_to("/dashboard/webhooks", done="webhook_deleted")


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", dependencies=viewing("webhook.change"))
def redeliver(webhook_id: str, delivery_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.redeliver(session, actor.caller, webhook_id, delivery_id)
    return back_to(f"/dashboard/webhooks/{webhook_id}", done="webhook_redelivered")


@router.post("/{webhook_id}/{act}", dependencies=viewing("webhook.change"))
def change_webhook(
    webhook_id: str, act: Annotated[Act, Path()], actor: ActorDep, session: WriteSession
) -> RedirectResponse:
    change, done = _ACTS[act]
    change(session, actor.caller, webhook_id)
    return back_to(f"/dashboard/webhooks/{webhook_id}", done=done)
