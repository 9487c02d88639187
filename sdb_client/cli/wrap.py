"""`sdb wrap`: from a checkpoint to a box."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import sdb_client
from sdb_client.cli.options import LOCAL, Json, Token, Url
from sdb_client.cli.output import say, show_one
from sdb_client.cli.progress import watching

_QUIET = "none"
_TAKES = "3x32x32 (channels, height, width) with --mean and --std; or cifar10, cifar100, tiny-imagenet, digits."
_Level = Annotated[
    Literal["none", "quick", "standard", "full"] | None,
    typer.Option("--evaluate", help="How much evidence; default: the preset's, else standard.", show_default=False),
]
_Policy = Annotated[str, typer.Option("--policy", help="sdb-hardened, sdb, nasty, ke, nasty-ke or normal.")]


def wrap(  # noqa: PLR0913, PLR0917 - each is an option
    checkpoint: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The trained weights.")],
    dataset: Annotated[str, typer.Option("--dataset", help="A file, or builtin:digits.")],
    architecture: Annotated[str, typer.Option("--architecture", help="sdb:, torchvision: or timm:NAME, or program.")],
    num_classes: Annotated[int, typer.Option("--classes", min=2, help="How many classes it names.")],
    size: Annotated[str, typer.Option("--input", help=_TAKES)],
    mean: Annotated[str, typer.Option("--mean", help="Per channel, for pixels in 0..1, separated by commas.")] = "",
    std: Annotated[str, typer.Option("--std", help="Per channel, separated by commas.")] = "",
    policy: _Policy = "sdb-hardened",
    name: Annotated[str | None, typer.Option("--name", help="Name of model and box.", show_default=False)] = None,
    class_names: Annotated[str | None, typer.Option("--class-names", help="Separated by commas.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting, NAME=VALUE, or preset=NAME.")] = None,
    evaluate: _Level = None,
    student: Annotated[str | None, typer.Option("--student", help="The thief's network.", show_default=False)] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Students per row; 3, or 5 for full.")] = None,
    precision: Annotated[str, typer.Option("--precision", help="Of what is served: float32 or int8.")] = "float32",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    url: Url = LOCAL,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Send a model and its data set, wrap it, and print the box."""
    with sdb_client.Client(url, token=token) as client, watching() as on_event:
        box = client.wrap(
            checkpoint,
            dataset=dataset,
            architecture=architecture,
            num_classes=num_classes,
            input=input_spec(size, mean, std),
            policy=policy,
            name=name,
            class_names=class_names.split(",") if class_names else None,
            config=dict(_setting(text) for text in settings or ()),
            evaluate=_named(level=evaluate, seeds=seeds, student=student),
            precision=precision,
            seed=seed,
            on_event=on_event,
        )
    _show(box, has_report=evaluate != _QUIET, as_json=as_json)


def input_spec(size: str, mean: str, std: str) -> "sdb_client.InputSpec":
    """The network's input: that of a data set by name, or from three options. Raises BadParameter."""
    if size[:1].isalpha() and not (mean or std):
        return _input_of(size)
    try:
        channels, height, width = (int(part) for part in size.lower().split("x"))
        means, stds = (tuple(float(part) for part in text.split(",")) for text in (mean, std))
    except ValueError as error:
        raise typer.BadParameter("write --input 3x32x32 --mean 0.5,0.5,0.5 --std 0.2,0.2,0.2") from error
    if not len(means) == len(stds) == channels:
        raise typer.BadParameter(f"--mean and --std need {channels} numbers, one for each channel")
    return sdb_client.InputSpec(channels=channels, height=height, width=width, mean=means, std=stds)


def _show(box: "sdb_client.Box", *, has_report: bool, as_json: bool) -> None:
    show_one(box, as_json=as_json)
    if has_report:
        say(f"The evidence: sdb report {box.job_id}")


def _input_of(data: str) -> "sdb_client.InputSpec":
    try:
        return sdb_client.InputSpec.of_data(data)
    except sdb_client.SDBError as error:
        raise typer.BadParameter(error.detail, param_hint="--input") from error


def _named(**evidence: Any) -> dict[str, Any]:
    return {name: value for name, value in evidence.items() if value is not None}


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"write NAME=VALUE, not {text!r}", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
