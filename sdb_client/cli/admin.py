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


@app.command("rotate-kek")
def rotate_kek(
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="Instead drop the local keys that nothing needs any more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """On the machine of the service: wrap all sealed keys under a new key-encryption key; killed, run it again."""
    become(_MODULE, ["rotate-kek", *(["--forget-old"] if forget_old else []), *json_flag(as_json=as_json)])


@app.command("audit-head")
def audit_head(as_json: Json = False) -> None:
    """On the machine of the service: sign where the audit log ends, and store it."""
    become(_MODULE, ["audit-head", *json_flag(as_json=as_json)])


@app.command("reconcile")
def reconcile(
    accept: Annotated[bool, typer.Option("--accept", help="Rows lost from the audit log are known of.")] = False,
    as_json: Json = False,
) -> None:
    """On the machine of the service, after a restored backup: take away again what was taken away since."""
    become(_MODULE, ["reconcile", *(["--accept"] if accept else []), *json_flag(as_json=as_json)])


@app.command("accounts")
def accounts(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """List the accounts."""
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.accounts.list(), limit), ("id", "name", "role", "created_at"), as_json=as_json)


@app.command("users")
def users(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """List the people of your account."""
    columns = ("id", "email", "name", "rank", "two_steps", "last_sign_in_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.users.list(), limit), columns, as_json=as_json)


@app.command("invite")
def invite(
    email: str,
    rank: Annotated[Literal["owner", "member"], typer.Option("--rank")] = "member",
    account: Annotated[str | None, typer.Option("--account-id", help="Into which account; yours if left out.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Print a link by which somebody joins an account. No mail is sent: give it to them yourself."""
    with sdb_client.Client(url, token=token) as client:
        made = client.invitations.make(email, rank=rank, account_id=account)
    fields = {"id": made.id, "email": made.email, "rank": made.rank, "expires_at": made.expires_at, "url": made.url}
    show_one(fields, as_json=as_json)


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
