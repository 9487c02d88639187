"""What the commands share: their options, and what these name."""

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdb_core.checkpoints import load_weights
from sdb_core.console import Console
from sdb_core.datasets import Splits, open_dataset
from sdb_core.errors import InvalidSettings, ProgramUntrusted
from sdb_core.keys import Key, check_normalisation
from sdb_core.nets import PROGRAM, Architecture, read_program
from sdb_core.normalise import Normalisation
from sdb_core.settings import PRESETS, preset
from sdb_core.training import Run

Answer = dict[str, Any]
Command = Callable[[argparse.Namespace], Answer]


def add_command(commands: Any, name: str, function: Command, text: str) -> argparse.ArgumentParser:
    """A parser with the options that every command has."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function, show=plain, parser=parser)
    parser.add_argument("--data", default="builtin:digits", help="builtin:digits, a folder, an archive, parquet or npz")
    parser.add_argument("--architecture", default="sdb:cnn-mini", help="sdb:, torchvision: or timm:NAME, or program")
    parser.add_argument("--program", type=Path, metavar="FILE.pt2", help="the program; default: the model itself")
    trust = "open the program: that may run code of its maker, in this process and as you"
    parser.add_argument("--trust-program", action="store_true", help=trust)
    parser.add_argument("--mean", type=float, nargs="+", help="default: measured on the training images")
    parser.add_argument("--std", type=float, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; may be repeated")
    parser.add_argument("--json", action="store_true", help="answer JSON on stdout")
    return parser


def task(given: argparse.Namespace, *, key: Key | None = None) -> tuple[Splits, Normalisation, Architecture]:
    """The data, their scale (the key's, where there is one) and the architecture for them."""
    splits = open_dataset(given.data)
    normalisation = _scale(given, splits) if key is None else Normalisation(key.mean, key.std)
    classes = len(splits.train.class_names)
    return splits, normalisation, _architecture(given, Architecture(given.architecture, classes, *splits.shape))


def _architecture(given: argparse.Namespace, named: Architecture) -> Architecture:
    """The network with its program, where it is one. Raises ProgramUntrusted without the user's word for it."""
    if named.name != PROGRAM:
        return named
    path = given.program or getattr(given, "model", None)
    if path is None:
        raise InvalidSettings("The architecture program needs --program FILE.pt2.")
    if not given.trust_program:
        raise ProgramUntrusted(
            f"Opening {path.name} may run code of whoever made it, in this process and as you; if you trust its maker, "
            "say --trust-program."
        )
    program = read_program(path, num_classes=named.num_classes, shape=named.shape)
    return dataclasses.replace(named, source=program)


def add_preset(parser: argparse.ArgumentParser) -> None:
    """The option `--preset`, which stands under `--set`."""
    text = "a whole recipe under your own settings; where there is no key, those of the papers bring mean and std"
    parser.add_argument("--preset", choices=sorted(PRESETS), help=text)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """The settings that were named, the preset among them."""
    return ({"preset": given.preset} if given.preset else {}) | values(given.set)


def _scale(given: argparse.Namespace, splits: Splits) -> Normalisation:
    """The mean and std that were named, over the usual ones. Raises InvalidSettings unless they fit the channels."""
    usual = _usual_scale(given, splits)
    scale = Normalisation.of(given.mean or usual.mean, given.std or usual.std)
    check_normalisation(scale.mean, scale.std, channels=splits.shape[0])
    return scale


def _usual_scale(given: argparse.Namespace, splits: Splits) -> Normalisation:
    """That of the preset's data where these have as many channels, else measured."""
    named = settings_of(given)
    data = preset(named["preset"]).data if "preset" in named else None
    if data is not None and len(data.mean) == splits.shape[0]:
        return Normalisation(data.mean, data.std)
    return Normalisation.measured(splits.train.images)


def loaded(path: Path, architecture: Architecture, *, device: str) -> nn.Module:
    """A net with the weights of a checkpoint."""
    net = architecture.build()
    load_weights(path, net)
    return net.to(device).eval()


def check_place(path: Path | None, *, suffix: str = "") -> None:
    """Raise InvalidSettings, before the work, where its result could not be written or read again."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise InvalidSettings(f"There is no folder {path.parent}; make it first.")
    if path.is_dir():
        raise InvalidSettings(f"{path} is a folder; name a file in it.")
    if not path.name.endswith(suffix):
        raise InvalidSettings(f"{path.name} could not be read again; choose a name that ends in {suffix}.")


def run_of(given: argparse.Namespace, stage: str) -> Run:
    """A run with progress on stderr."""
    return Run(
        stage=stage,
        seed=given.seed,
        device=torch.device(given.device),
        observer=Console(),
        state_path=getattr(given, "checkpoint", None),
        team=given.team,
    )


def values(pairs: list[str]) -> dict[str, Any]:
    """Settings from NAME=VALUE, values in JSON where they can be. Raises InvalidSettings."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidSettings(f"--set takes NAME=VALUE, not {pair!r}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def plain(answer: Answer) -> str:
    """An answer for a person: a line for each of its parts."""
    return "\n".join(
        f"{name}: {json.dumps(value) if isinstance(value, (dict, list)) else value}" for name, value in answer.items()
    )
