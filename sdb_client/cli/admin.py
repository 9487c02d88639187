"""`sdb admin`: acts of the operator on the machine of the service, and accounts over HTTP."""

from itertools import islice
from typing import Annotated, Literal

import typer

import sdb_client
from sdb_client.cli import tokens
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url
from sdb_client.cli.output import show_one, show_rows
from sdb_client.cli.service import become, json_flag

app = typer.Typer(help="Accounts, tokens, ways in.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tokens.app, name="tokens")

_MODULE = "sdb_service.admin"


@app.command("create-admin")
def create_admin(
    name: Annotated[str, typer.Option("--name", help="Name of the new admin.")], as_json: Json = False
) -> None:
    """On the machine of the service: migrate the database, open an admin account, print its token once."""
    become(_MODULE, ["create-admin", "--name", name, *json_flag(as_json=as_json)])


@app.command("issue-token")
def issue_token(
    account: Annotated[str, typer.Option("--account", help="Name of the account.")], as_json: Json = False
) -> None:
    """On the machine of the service: print a new token for an account."""
    become(_MODULE, ["issue-token", "--account", account, *json_flag(as_json=as_json)])


@app.command("login-link")
def login_link(
    account: Annotated[str, typer.Option("--account", help="Name of the account.")],
    public_url: Annotated[str | None, typer.Option("--url", help="Where the service is reached.")] = None,
    as_json: Json = False,
) -> None:
    """On the machine of the service: print a way into the dashboard that works once."""
    address = ["--url", public_url] if public_url else []
    become(_MODULE, ["login-link", "--account", account, *address, *json_flag(as_json=as_json)])


@app.command("migrate")
def migrate(as_json: Json = False) -> None:
    """On the machine of the service: bring the database up to date."""
    become(_MODULE, ["migrate", *json_flag(as_json=as_json)])


@app.command("accounts")
def accounts(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """List the accounts."""
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.accounts.list(), limit), ("id", "name", "role", "created_at"), as_json=as_json)


@app.command("create-account")
def create_account(
    name: str,
    role: Annotated[Literal["provider", "customer", "admin"], typer.Option("--role")],
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Open an account and print its token, which is shown this once."""
    with sdb_client.Client(url, token=token) as client:
        account = client.accounts.create(name, role=role)
        fresh = client.tokens.issue("first", account_id=account.id)
    show_one({"id": account.id, "name": account.name, "role": account.role, "token": fresh.token}, as_json=as_json)
