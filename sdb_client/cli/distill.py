"""`sdb distill`: open answers for a whole data set, under a hosted license."""

from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import show_json
from sdb_client.cli.progress import counting


def distill(
    box_id: str,
    images: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="An .npy file: uint8 pixels (N, H, W, C).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the logits go, as .npy (N, classes).")],
    batch: Annotated[int, typer.Option("--batch", min=1, max=1024, help="Images of one request.")] = 256,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask for the open logits that teach a student; the service blends the key in, and counts every image."""
    import numpy as np  # noqa: PLC0415 - sdb --help need not wait for it

    pixels = np.load(images, allow_pickle=False)
    with sdb_client.Client(url, token=token) as client, counting("images", len(pixels)) as done:
        answers = []
        for start in range(0, len(pixels), batch):
            answers.append(client.boxes.distill(box_id, pixels[start : start + batch]))
            done(min(start + batch, len(pixels)))
    with out.open("wb") as file:
        np.save(file, np.concatenate(answers), allow_pickle=False)
    if as_json:
        show_json({"images": len(pixels), "logits": str(out)})
