"""`sdb report`: the evidence of a job."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_json, show_table

_ATTACK_COLUMNS = ("attack", "sees", "holds", "floor %", "student %", "over the floor", "leak")


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
    show_report(found, as_json=as_json)


def show_report(found: Mapping[str, Any], *, as_json: bool) -> None:
    """A report: as it is for programs; for people who answers how well, what attacks win, and the verdicts."""
    if as_json:
        show_json(found)
        return
    show_table(("", "accuracy %"), _accuracies(found))
    typer.echo("")
    show_table(_ATTACK_COLUMNS, [_attack(one) for one in found.get("attacks", ())])
    typer.echo("")
    show_table(("verdict", "", "why"), [_verdict(name, one) for name, one in found.get("verdicts", {}).items()])


def _accuracies(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.get("accuracy", {}).items():
        yield f"box: {name}", _percent(value)
    for name, value in found.get("students", {}).items():
        yield f"student: {name}", _percent(value)
    for precision, values in (found.get("serving") or {}).get("accuracy", {}).items():
        for name, value in values.items():
            yield f"served: {name}, {precision}", _percent(value)


def _attack(one: Mapping[str, Any]) -> tuple[str, ...]:
    leak = one.get("leak")
    return (
        str(one["name"]),
        str(one.get("interface", "-")),
        str(one.get("holds", "-")),
        _percent(one["floor"]),
        _percent(one["accuracy"]),
        _over(one),
        "-" if leak is None else f"{leak:.2f}",
    )


def _over(one: Mapping[str, Any]) -> str:
    """Points over the floor with their standard error; older reports leave both to be computed."""
    accuracy, floor = one["accuracy"], one["floor"]
    over = one.get("points_over_floor", accuracy["mean"] - floor["mean"])
    error = one.get("standard_error")
    if error is None:
        error = math.sqrt(sum(value["std"] ** 2 / value["seeds"] for value in (accuracy, floor)))
    return f"{over:+.1f} ± {error:.1f}"


def _percent(value: Mapping[str, Any] | None) -> str:
    return "-" if value is None else f"{value['mean']:.1f} ± {value['std']:.1f}"


def _verdict(name: str, one: Mapping[str, Any]) -> tuple[str, str, str]:
    passed = {True: "pass", False: "FAIL"}.get(one.get("pass"), "not measured")  # type: ignore[arg-type]
    return name, passed, str(one.get("why", ""))
