"""`sdb boxes`: wrapped models."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Limit, Token, Url
from sdb_client.cli.output import say, show_one, show_rows

app = typer.Typer(help="Wrapped models.", no_args_is_help=True, rich_markup_mode=None)

_OUTPUTS = ("labels", "probs", "logits")


@app.command("list")
def list_boxes(limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Your boxes, newest first."""
    columns = ("id", "name", "policy", "published", "job_id", "created_at")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.boxes.list(), limit), columns, as_json=as_json)


@app.command("get")
def get_box(box_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """One box that is yours, licensed to you, or published."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.boxes.get(box_id), as_json=as_json)


@app.command("publish")
def publish_box(
    box_id: str,
    outputs: Annotated[str, typer.Option("--outputs", help="What everybody may ask for.")] = "labels,probs",
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=1000, help="Classes that probs shows.")] = 5,
    images_per_minute: Annotated[
        int | None, typer.Option("--images-per-minute", min=1, show_default=False, help="For each who asks.")
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Let everybody ask a box for predictions."""
    with sdb_client.Client(url, token=token) as client:
        wanted = as_outputs(outputs)
        box = client.boxes.publish(box_id, outputs=wanted, top_k=top_k, images_per_minute=images_per_minute)
    show_one(box, as_json=as_json)


@app.command("unpublish")
def unpublish_box(box_id: str, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Close a box to the public."""
    with sdb_client.Client(url, token=token) as client:
        show_one(client.boxes.unpublish(box_id), as_json=as_json)


@app.command("rekey")
def rekey_box(
    box_id: str,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end, and show the new box.")] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Make a box anew under a fresh key and move its licenses; exit status 3 where the job ends without a box."""
    with sdb_client.Client(url, token=token) as client:
        job = client.boxes.rekey(box_id)
        if wait:
            job = client.jobs.wait(job.id)
            show_one(client.boxes.get(job.box_id or ""), as_json=as_json)
        else:
            show_one(job, as_json=as_json)
    say("The new box takes over publication and licenses. Keys delivered before, and what was learned with them, stay.")


@app.command("alarms")
def list_alarms(box_id: str, limit: Limit = 50, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Callers who seem to copy a box of yours, newest first."""
    columns = ("created_at", "kind", "value", "threshold", "payer", "network", "id")
    with sdb_client.Client(url, token=token) as client:
        show_rows(islice(client.boxes.alarms(box_id), limit), columns, as_json=as_json)


@app.command("download")
def download_box(
    box_id: str,
    to: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    kind: Annotated[Literal["safetensors", "onnx"], typer.Option("--format")] = "safetensors",
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Save a box's weights."""
    with sdb_client.Client(url, token=token) as client:
        file = client.boxes.download(box_id, to, format=kind)
    show_one({"file": str(file), "bytes": file.stat().st_size}, as_json=as_json)


def as_outputs(text: str) -> list[Literal["labels", "probs", "logits"]]:
    """The comma-separated outputs of an option. Raises BadParameter."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not set(names) <= set(_OUTPUTS):
        raise typer.BadParameter(f"choose from {', '.join(_OUTPUTS)}, separated by commas")
    return cast(list[Literal["labels", "probs", "logits"]], names)
