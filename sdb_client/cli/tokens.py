"""`sdb admin tokens`: the tokens that programs sign in with."""

from datetime import datetime
from itertools import islice
from typing import Annotated, Literal

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url, in_utc
from sdb_client.cli.output import show_one, show_rows

app = typer.Typer(help="Tokens for programs.", no_args_is_help=True, rich_markup_mode=None)

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What the token may do, such as predict; repeat it for more.", show_default=False),
]
Expires = Annotated[datetime | None, typer.Option("--expires", help="The end, in UTC.", show_default=False)]
Rank = Annotated[
    Literal["owner", "member"] | None,
    typer.Option("--rank", help="member: less than an owner of the account may.", show_default=False),
]


@app.command("issue")
def issue(
    name: str,
    scopes: Scopes = None,
    expires: Expires = None,
    rank: Rank = None,
    account: Annotated[str | None, typer.Option("--account", help="Whose, by id; only an admin names others.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it, which is shown this once. Without --scope it may all that you may."""
    with sdb_client.Client(url, token=token) as client:
        made = client.tokens.issue(
            name, account_id=account, expires_at=in_utc(expires), scopes=scopes or None, rank=rank
        )
    show_one(made, as_json=as_json)


@app.command("list")
def list_tokens(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Tokens with their scopes, and when each was used last."""
    columns = ("id", "name", "prefix", "scopes", "rank", "created_at", "expires_at", "last_used_at", "revoked_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.tokens.list(), limit), columns, as_json=as_json)


@app.command("revoke")
def revoke(token_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Make a token useless from now on."""
    with sdb_client.Client(url, token=token) as client:
        client.tokens.revoke(token_id)
    show_one({"id": token_id, "revoked": True}, as_json=as_json)
