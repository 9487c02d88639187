"""`sdb webhooks`: addresses that are told what happens."""

from itertools import islice
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url
from sdb_client.cli.output import say, show_json, show_one, show_rows

app = typer.Typer(help="Addresses that are told what happens.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_webhooks(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Your webhooks, newest first."""
    columns = ("id", "url", "events", "state", "disabled_reason", "created_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.webhooks.list(), limit), columns, as_json=as_json)


@app.command("get")
def get_webhook(webhook_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """One webhook."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.get(webhook_id), as_json=as_json)


@app.command("make")
def make_webhook(
    address: Annotated[str, typer.Argument(help="https://... that the service can reach.")],
    events: Annotated[str, typer.Option("--events", help="What to tell, as license.revoke,box.rekey.")],
    description: Annotated[str | None, typer.Option("--description", show_default=False)] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Have an address told of events. The secret is shown once."""
    wanted = [event.strip() for event in events.split(",") if event.strip()]
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.create(address, events=wanted, description=description), as_json=as_json)
    say("Keep the secret: it is not shown again. Receivers verify with sdb_client.verify_webhook.")


@app.command("delete")
def delete_webhook(webhook_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Remove a webhook."""
    with sdb_client.Client(url, token=token) as client:
        client.webhooks.delete(webhook_id)
    if as_json:
        show_json({"deleted": webhook_id})


@app.command("enable")
def enable_webhook(webhook_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Tell a webhook what happens from now on."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.enable(webhook_id), as_json=as_json)


@app.command("disable")
def disable_webhook(webhook_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Tell a webhook nothing more."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.disable(webhook_id), as_json=as_json)


@app.command("test")
def send_test(webhook_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Send a webhook.test; `sdb webhooks deliveries` says what came of it."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.test(webhook_id), as_json=as_json)


@app.command("deliveries")
def list_deliveries(
    webhook_id: str, limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False
) -> None:
    """What a webhook was told, newest first."""
    columns = ("id", "type", "state", "attempts", "status", "error", "created_at", "next_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.webhooks.deliveries(webhook_id), limit), columns, as_json=as_json)


@app.command("redeliver")
def redeliver(webhook_id: str, delivery_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Send a delivery again."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.webhooks.redeliver(webhook_id, delivery_id), as_json=as_json)
