"""`sdb key`: a customer's key file."""

from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import show_one

app = typer.Typer(help="Your key to a box.", no_args_is_help=True, rich_markup_mode=None)

Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
Existing = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


@app.command("fetch")
def fetch_key(license_id: str, output: Output, url: Url = LOCAL, token: Token = None, as_json: Json = False) -> None:
    """Fetch the key of your license, readable by you alone; each download counts."""
    with sdb_client.Client(url, token=token) as client:
        key = client.licenses.key(license_id)
    file = key.save(output)
    show_one({"file": str(file), **_told(key)}, as_json=as_json)


@app.command("show")
def show_key(file: Existing, as_json: Json = False) -> None:
    """What a key file is for, without its secret; checks that it is whole."""
    show_one(_told(sdb_client.Key.load(file)), as_json=as_json)


@app.command("embed")
def embed_key(file: Existing, images: Existing, output: Output, as_json: Json = False) -> None:
    """Blend the key into images: an .npy of uint8 pixels (N, H, W, C), or of normalised float32 (N, C, H, W)."""
    import numpy as np  # noqa: PLC0415 - only here

    key = sdb_client.Key.load(file)
    try:
        array = np.load(images, allow_pickle=False)
    except ValueError as error:
        raise typer.BadParameter(f"{images} is no .npy array: {error}") from error
    blended = key.embed(key.normalise(array) if array.dtype == np.uint8 else array)
    with output.open("wb") as opened:
        np.save(opened, blended, allow_pickle=False)
    show_one({"file": str(output), "shape": list(blended.shape), "box_id": key.box_id}, as_json=as_json)


def _told(key: "sdb_client.Key") -> dict[str, object]:
    return {
        "box_id": key.box_id,
        "shape": list(key.kappa.shape),
        "lambda": key.lam,
        "mean": list(key.mean),
        "std": list(key.std),
    }
