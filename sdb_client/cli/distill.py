"""`sdb distill`: open answers for a whole data set, under a license."""

from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_json
from sdb_client.cli.progress import counting

_IMAGES = "An .npy or .npz file: uint8 pixels (N, H, W, C), or normalised float32 (N, C, H, W)."


def distill(
    box_id: str,
    images: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_IMAGES)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the logits go, as .npy (N, classes).")],
    batch: Annotated[int, typer.Option("--batch", min=1, max=1024, help="Images of one request.")] = 256,
    connections: Annotated[int, typer.Option("--connections", min=1, max=16, help="Requests at a time.")] = 4,
    half: Annotated[bool, typer.Option("--half", help="Logits as float16: half the bytes.")] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask for the open logits that teach a student; the service blends the key in, and counts every image.

    Answers are kept in OUT.partial as they come: the same command goes on where it stopped. A batch whose answer was
    lost on its way is asked for, and counted, again.
    """
    last = sdb_client.DistillProgress(0, 0)

    def told(progress: "sdb_client.DistillProgress") -> None:
        nonlocal last
        last = progress
        count(progress)

    try:
        with sdb_client.Client(url, token=token) as client, counting("images") as count:
            client.boxes.distill_to(box_id, images, out, batch=batch, connections=connections, half=half, progress=told)
    except (sdb_client.SDBError, OSError, KeyboardInterrupt):
        if last.done:
            say(f"{last.done:,} of {last.total:,} answers are kept in {out}.partial; the same command goes on.")
        raise
    if as_json:
        show_json({"images": last.total, "logits": str(out)})
