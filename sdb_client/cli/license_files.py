"""`sdb licenses file`, `verify` and `signing-keys`: licenses where the service cannot be asked."""

from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_one, show_rows

Out = Annotated[
    Path | None, typer.Option("--out", "--output", "-o", help="File to write; without, stdout.", show_default=False)
]
Pinned = Annotated[
    list[str] | None,
    typer.Option("--public-key", help="The service's, from signing-keys; may be repeated. Without, it is asked."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", exists=True, dir_okay=False, help="A key file that must be this license's."),
]


def add_to(app: typer.Typer) -> None:
    """Make these commands of `sdb licenses`."""
    app.command("file")(fetch_file)
    app.command("verify")(verify_file)
    app.command("signing-keys")(list_signing_keys)


def fetch_file(license_id: str, out: Out = None, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Fetch a signed file that proves your license where the service cannot be asked, for some days.

    Until its end it cannot be taken back, also if the license is.
    """
    with sdb_client.Client(url, token=token) as client:
        content = client.licenses.file(license_id)
    if out is None:
        typer.echo(content.decode(), nl=False)
        return
    out.write_bytes(content)
    show_one({"file": str(out), "license_id": license_id}, as_json=as_json)


def verify_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    public_keys: Pinned = None,
    key: KeyFile = None,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Check a license file: its signature, its days and, with --key, that a key is the one it is for.

    With --public-key nothing is asked of any service. A license that was revoked after the file was made is not
    known here: only its end is.
    """
    from sdb_client import license_files  # noqa: PLC0415 - cryptography is slow to load

    if not public_keys:
        with sdb_client.Client(url) as client:
            public_keys = [known.public_key for known in client.licenses.signing_keys()]
        say(f"sdb: the public key was taken from {url}; give it by --public-key to trust no connection.")
    found = license_files.verify(file, public_key=public_keys)
    if key is not None:
        found.require_key(sdb_client.Key.load(key))
    show_one(found, as_json=as_json)


def list_signing_keys(url: Url = LOCAL, as_json: Json = False) -> None:
    """The public keys of the service, the one in use first: take them once and keep them."""
    with sdb_client.Client(url) as client:
        show_rows(client.licenses.signing_keys(), ("id", "public_key", "current"), as_json=as_json)
