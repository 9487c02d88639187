"""`sdb licenses`: who may have a box's knowledge."""

from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

import sdb_client
from sdb_client.cli import license_files
from sdb_client.cli.options import LOCAL, Expiry, Json, Limit, Token, Url, in_utc
from sdb_client.cli.output import show_json, show_one, show_rows

Mode = Literal["delivered", "hosted"]


class Entitlement(StrEnum):
    """What a license may be for."""

    KEY = "key:download"
    DISTILL = "distill"
    WEIGHTS = "box:download"


Entitled = Annotated[
    list[Entitlement] | None,
    typer.Option("--entitlement", help="What it is for; may be repeated. All that the mode gives, without."),
]
Days = Annotated[
    int | None, typer.Option("--valid-for-days", min=1, help="Counted from the first use.", show_default=False)
]

app = typer.Typer(help="Who may have a box's knowledge.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_licenses(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """The licenses you gave or hold, newest first."""
    columns = ("id", "box_id", "customer_id", "mode", "state", "downloads", "expires_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.licenses.list(), limit), columns, as_json=as_json)


@app.command("get")
def get_license(license_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """One license, and whether it is good now."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.get(license_id), as_json=as_json)


@app.command("grant")
def grant_license(  # noqa: PLR0913, PLR0917 - each is one option
    box_id: str,
    customer_id: str,
    mode: Annotated[
        Mode,
        typer.Option("--mode", help="delivered: the key cannot be called back. hosted: it never leaves."),
    ] = "delivered",
    entitlements: Entitled = None,
    expires_at: Expiry = None,
    valid_for_days: Days = None,
    max_downloads: Annotated[int | None, typer.Option("--max-downloads", min=1, show_default=False)] = None,
    max_predictions: Annotated[int | None, typer.Option("--max-predictions", min=1, show_default=False)] = None,
    images_per_minute: Annotated[int | None, typer.Option("--images-per-minute", min=1, show_default=False)] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Give a customer the right to your box."""
    with sdb_client.Client(url, token=token) as client:
        granted = client.licenses.grant(
            box_id,
            customer_id,
            mode=mode,
            entitlements=entitlements or None,
            expires_at=in_utc(expires_at),
            valid_for_days=valid_for_days,
            max_downloads=max_downloads,
            max_predictions=max_predictions,
            images_per_minute=images_per_minute,
        )
    show_one(granted, as_json=as_json)


@app.command("suspend")
def suspend_license(license_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Stop a license for now."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.suspend(license_id), as_json=as_json)


@app.command("reinstate")
def reinstate_license(license_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Let a suspended license be good again."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.reinstate(license_id), as_json=as_json)


@app.command("renew")
def renew_license(
    license_id: str, expires_at: Expiry = None, url: Url = LOCAL, token: Token = None, as_json: Json = False
) -> None:
    """Give a license a new end, also one that has expired; without --expires-at it has none."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.renew(license_id, expires_at=in_utc(expires_at)), as_json=as_json)


@app.command("revoke")
def revoke_license(license_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """End a license for good.

    Under a hosted license everything ends at once. Under a delivered one downloads and open answers end at once, but a
    key that was delivered cannot be called back.
    """
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.revoke(license_id), as_json=as_json)


@app.command("transfer")
def transfer_license(
    license_id: str,
    customer_id: Annotated[str, typer.Argument(help="The account that holds it from now on.")],
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Give a license to another customer, with what is left of it.

    Whoever held it is refused at once; a key that they were delivered cannot be called back.
    """
    with sdb_client.Client(url, token=token) as client:
        show_one(client.licenses.transfer(license_id, customer_id), as_json=as_json)


@app.command("trace")
def trace_key(
    found: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The key: its file, an .npy or a picture.")
    ],
    box_id: Annotated[str, typer.Option("--box", help="The box that the key opens.")],
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say from which license of your box a key that turned up came, or that it cannot be said."""
    with sdb_client.Client(url, token=token) as client:
        trace = client.licenses.trace(box_id, found)
    if as_json:
        show_json(trace)
        return
    if trace.licenses:
        show_rows(trace.licenses, ("license_id", "customer_id", "z", "false_accusation"), as_json=False)
    typer.echo(f"{trace.verdict.replace('_', ' ')}: {trace.detail} Compared with {trace.compared} licenses.")


license_files.add_to(app)
