"""`sdb report`: the evidence of a job."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_json, show_table


def report(
    job_id: str,
    html: Annotated[Path | None, typer.Option("--html", help="Also save the report as a page.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """What a wrap kept, what it hid, and how it stood up to attack."""
    with sdb_client.Client(url, token=token) as client:
        found = client.jobs.report(job_id)
        if html is not None:
            html.write_text(client.jobs.report_html(job_id), encoding="utf-8")
            say(f"The page is in {html}.")
    if as_json:
        show_json(found)
        return
    show_table(("", "accuracy %", "leak"), _lines(found))
    typer.echo("")
    show_table(("verdict", "", "why"), [_verdict(name, one) for name, one in found.get("verdicts", {}).items()])


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in found.get("accuracy", {}).items():
        yield f"box: {name}", _percent(value), ""
    for name, value in found.get("students", {}).items():
        yield f"student: {name}", _percent(value), ""
    for attack in found.get("attacks", ()):
        leak = attack.get("leak")
        yield f"attack: {attack['name']}", _percent(attack["accuracy"]), "-" if leak is None else f"{leak:.2f}"


def _percent(value: Mapping[str, Any] | None) -> str:
    return "-" if value is None else f"{value['mean']:.1f} ± {value['std']:.1f}"


def _verdict(name: str, one: Mapping[str, Any]) -> tuple[str, str, str]:
    passed = {True: "pass", False: "FAIL"}.get(one.get("pass"), "not measured")  # type: ignore[arg-type]
    return name, passed, str(one.get("why", ""))
