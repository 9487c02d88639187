"""The options that commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

LOCAL = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option("--url", envvar="SDB_URL", help="Address of the service.")]
Token = Annotated[str | None, typer.Option("--token", envvar="SDB_TOKEN", help="Your token.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show, newest first.")]
Expiry = Annotated[datetime | None, typer.Option("--expires-at", help="The end, in UTC.", show_default=False)]


def in_utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which carries no zone, as the moment in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None else None
