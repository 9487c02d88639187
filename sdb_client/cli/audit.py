"""`sdb audit`: what happened."""

from itertools import islice

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url
from sdb_client.cli.output import show_rows
from sdb_client.cli.service import become, json_flag

app = typer.Typer(help="The log of what happened.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_events(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """What you did and what was done to what is yours; for an admin, everything."""
    columns = ("number", "at", "action", "object_id", "actor_id", "address")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.audit.list(), limit), columns, as_json=as_json)


@app.command("verify")
def verify(as_json: Json = False) -> None:
    """On the machine of the service: check the chain and signed heads; names the first bad row, with exit status 1."""
    become("sdb_service.admin", ["audit-verify", *json_flag(as_json=as_json)])
