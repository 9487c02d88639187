"""`sdb usage`: what an account uses and may use; for admins, other limits."""

from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import show_json, show_rows

COLUMNS = ("resource", "used", "reserved", "limit", "is_default")


def usage(
    account: Annotated[str | None, typer.Option("--account", help="Id of another account; admins only.")] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="RESOURCE=NUMBER, or RESOURCE=default: choose a limit; admins only."),
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """What your account uses, has reserved and may use."""
    chosen = dict(_chosen(text) for text in limit or [])
    with sdb_client.Client(url, token=token) as client:
        if chosen:
            found = client.quotas.choose(account or client.accounts.me().id, chosen)
        else:
            found = client.quotas.get(account) if account else client.usage()
    if as_json:
        show_json(found)
    else:
        show_rows(found.quotas, COLUMNS, as_json=False)


def _chosen(text: str) -> tuple[str, int | None]:
    name, _, number = text.partition("=")
    if number == "default":
        return name, None
    if not number.isdecimal():
        raise typer.BadParameter(f"{text!r} is not RESOURCE=NUMBER, such as stored_bytes=1000000000")
    return name, int(number)
