"""`sdb predict`: ask a box."""

from pathlib import Path
from typing import Annotated

import typer

import sdb_client
from sdb_client.cli.boxes import as_outputs
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import show_json, show_table


def predict(
    box_id: str,
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .png, .jpg or .npy file.")],
    outputs: Annotated[str | None, typer.Option("--return", help="labels, probs, logits", show_default=False)] = None,
    temperature: Annotated[float, typer.Option("--temperature", min=1e-3, max=1000)] = 1.0,
    top_k: Annotated[int | None, typer.Option("--top-k", min=1, show_default=False)] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Let the service fit the image's size.")] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """What a box says of an image, or of a batch in an .npy file."""
    wanted = as_outputs(outputs) if outputs is not None else None
    with sdb_client.Client(url, token=token) as client:
        found = client.boxes.predict(box_id, image, outputs=wanted, temperature=temperature, top_k=top_k, resize=resize)
    if as_json:
        show_json(found)
        return
    show_table(
        ("image", "label", "class", "probabilities"),
        [
            (str(number), str(one.label), one.class_name or "-", _likeliest(one))
            for number, one in enumerate(found.predictions)
        ],
    )


def _likeliest(one: "sdb_client.Prediction") -> str:
    return "  ".join(f"{each.class_name or each.label} {each.prob:.1%}" for each in one.probs or ()) or "-"
