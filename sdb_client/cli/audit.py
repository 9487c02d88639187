"""`sdb audit`: what happened."""

from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url, in_utc
from sdb_client.cli.output import show_one, show_rows
from sdb_client.cli.service import become, json_flag

app = typer.Typer(help="The log of what happened.", no_args_is_help=True, rich_markup_mode=None)

Action = Annotated[
    str | None, typer.Option("--action", help="Such as license.revoke; license. means all.", show_default=False)
]
Object = Annotated[str | None, typer.Option("--object", help="Id of what was acted on.", show_default=False)]
Actor = Annotated[str | None, typer.Option("--actor", help="Id of the account that acted.", show_default=False)]
Since = Annotated[datetime | None, typer.Option("--from", help="From this moment on, in UTC.", show_default=False)]
Until = Annotated[datetime | None, typer.Option("--to", help="Before this moment, in UTC.", show_default=False)]


@app.command("list")
def list_events(
    limit: Limit = 50,
    action: Action = None,
    object_id: Object = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """What you did and what was done to what is yours; for an admin, everything."""
    columns = ("number", "at", "action", "outcome", "object_id", "actor_id", "address")
    with sdb_client.Client(url, token=token) as client:
        found = client.audit.list(
            action=action, object_id=object_id, actor=actor, since=in_utc(since), until=in_utc(until)
        )
        show_rows(islice(found, limit), columns, as_json=as_json)


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")],
    action: Action = None,
    object_id: Object = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Save the log, or a part of it, as a table for spreadsheets."""
    with sdb_client.Client(url, token=token) as client:
        written = client.audit.export(
            out, action=action, object_id=object_id, actor=actor, since=in_utc(since), until=in_utc(until)
        )
    show_one({"path": str(written), "bytes": written.stat().st_size}, as_json=as_json)


@app.command("verify")
def verify(as_json: Json = False) -> None:
    """On the machine of the service: check the chain and signed heads; names the first bad row, with exit status 1."""
    become("sdb_service.admin", ["audit-verify", *json_flag(as_json=as_json)])
