"""The method alone, with no service: `python -m sdb_core train | wrap | distill | evaluate`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdb_core.checkpoints import load_weights, save_weights, sha256_of
from sdb_core.console import Console
from sdb_core.datasets import Splits, open_dataset
from sdb_core.distillation import distill, fit, new_student
from sdb_core.errors import CoreError, InvalidSettings
from sdb_core.evaluation import accuracy
from sdb_core.files import write_atomically
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.report import Subject, make_report
from sdb_core.settings import LEVELS, POLICIES, EvaluationSettings, StudentSettings, TrainingSettings, WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Exit code 0: done; 1: refused or failed, with the cure on stderr; 2: wrong usage."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        answer = given.command(given)
    except CoreError as error:
        if given.json:
            print(json.dumps({"error": {"code": error.code, "message": error.message}}))
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2) if given.json else _plain(answer))
    return 0


def _train(given: argparse.Namespace) -> dict[str, Any]:
    splits, normalisation, architecture = _task(given)
    net = new_student(architecture, seed=given.seed, device=torch.device(given.device))
    settings = TrainingSettings.from_dict(_values(given.set))
    fit(net, splits.train, normalisation=normalisation, settings=settings, run=_run(given, "train"))
    save_weights(net, given.out)
    return {
        "accuracy": round(accuracy(net, splits.test, normalisation=normalisation), 3),
        "model": str(given.out),
        "sha256": sha256_of(given.out),
        "input": _input_of(architecture, normalisation),
    }


def _wrap(given: argparse.Namespace) -> dict[str, Any]:
    splits, normalisation, architecture = _task(given)
    original = _loaded(given.model, architecture, device=given.device)
    settings = WrapSettings.for_policy(given.policy, _values(given.set))
    generator = torch.Generator().manual_seed(given.key_seed if given.key_seed is not None else _fresh_seed())
    key = Key.random(
        architecture.shape, mean=normalisation.mean, std=normalisation.std, lam=settings.lam, generator=generator
    )
    given.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    result = wrap(
        original,
        splits.train,
        key,
        policy=given.policy,
        settings=settings,
        architecture=architecture,
        run=_run(given, "wrap"),
    )
    save_weights(result.net, given.out / "box.safetensors")
    key.save(given.out / "key.safetensors", box_id=given.out.name)
    record = {"policy": given.policy, "config": settings.to_dict(), "seed": given.seed, "history": result.history}
    write_atomically(given.out / "history.json", json.dumps(record).encode())
    return {
        "closed": round(accuracy(result.net, splits.test, normalisation=normalisation), 3),
        "open": round(accuracy(result.net, splits.test, normalisation=normalisation, key=key), 3),
        "original": round(accuracy(original, splits.test, normalisation=normalisation), 3),
        "box": str(given.out),
        "seconds": round(time.monotonic() - started, 1),
    }


def _distill(given: argparse.Namespace) -> dict[str, Any]:
    key = Key.load(given.key) if given.key else None
    splits, normalisation, architecture = _task(given, key=key)
    teacher = _loaded(given.teacher, architecture, device=given.device)
    student = new_student(architecture.named(given.student), seed=given.seed, device=torch.device(given.device))
    settings = StudentSettings.from_dict(_values(given.set))
    run = _run(given, "distill")
    distill(student, teacher, splits.train, normalisation=normalisation, settings=settings, run=run, key=key)
    if given.out:
        save_weights(student, given.out)
    return {
        "accuracy": round(accuracy(student, splits.test, normalisation=normalisation), 3),
        "with_key": key is not None,
        "student": str(given.out) if given.out else None,
    }


def _evaluate(given: argparse.Namespace) -> dict[str, Any]:
    key = Key.load(given.box / "key.safetensors")
    splits, _, architecture = _task(given, key=key)
    record = json.loads((given.box / "history.json").read_text())
    subject = Subject(
        original=_loaded(given.model, architecture, device=given.device),
        box=_loaded(given.box / "box.safetensors", architecture, device=given.device),
        key=key,
        splits=splits,
        architecture=architecture,
        policy=record["policy"],
        settings=WrapSettings.from_dict(record["config"]),
        seed=int(record["seed"]),
        history=record["history"],
        model_sha256=sha256_of(given.model),
    )
    settings = EvaluationSettings.from_dict(
        {"level": given.level, "seeds": given.seeds, "student": given.student, "compare": given.compare}
    )
    report = make_report(subject, settings=settings, run=_run(given, "evaluate"), state_folder=given.state)
    if given.out:
        write_atomically(given.out, json.dumps(report, indent=2).encode())
    return report


def _task(given: argparse.Namespace, *, key: Key | None = None) -> tuple[Splits, Normalisation, Architecture]:
    splits = open_dataset(given.data)
    normalisation = Normalisation.measured(splits.train.images)
    if key is not None:
        normalisation = Normalisation(key.mean, key.std)
    elif given.mean or given.std:
        normalisation = Normalisation.of(given.mean or normalisation.mean, given.std or normalisation.std)
    classes = len(splits.train.class_names)
    return splits, normalisation, Architecture(given.architecture, classes, *splits.shape)


def _loaded(path: Path, architecture: Architecture, *, device: str) -> nn.Module:
    net = architecture.build()
    load_weights(path, net)
    return net.to(device).eval()


def _run(given: argparse.Namespace, stage: str) -> Run:
    return Run(
        stage=stage,
        seed=given.seed,
        device=torch.device(given.device),
        observer=Console(),
        state_path=getattr(given, "checkpoint", None),
    )


def _values(pairs: list[str]) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found:
            raise InvalidSettings(f"--set takes NAME=VALUE, not {pair!r}.")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def _fresh_seed() -> int:
    return torch.Generator().seed()


def _input_of(architecture: Architecture, normalisation: Normalisation) -> dict[str, Any]:
    channels, height, width = architecture.shape
    scale = {"mean": list(normalisation.mean), "std": list(normalisation.std)}
    return {"channels": channels, "height": height, "width": width, **scale}


def _plain(answer: dict[str, Any]) -> str:
    return "\n".join(
        f"{name}: {json.dumps(value) if isinstance(value, (dict, list)) else value}" for name, value in answer.items()
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sdb_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training = _command(commands, "train", _train, "train a plain classifier")
    training.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    wrapping = _command(commands, "wrap", _wrap, "make a box and its key of a model")
    wrapping.add_argument("--model", type=Path, required=True)
    wrapping.add_argument("--policy", choices=POLICIES, default="sdb-hardened")
    wrapping.add_argument("--key-seed", type=int, help="draw the key from a seed (for experiments; default: fresh)")
    wrapping.add_argument("--checkpoint", type=Path, help="keep the state here and go on from it")
    wrapping.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    teaching = _command(commands, "distill", _distill, "teach a student, with the key or without")
    teaching.add_argument("--teacher", type=Path, required=True)
    teaching.add_argument("--student", default="sdb:cnn-small")
    teaching.add_argument("--key", type=Path)
    teaching.add_argument("--out", type=Path)
    judging = _command(commands, "evaluate", _evaluate, "measure a box against its model")
    judging.add_argument("--model", type=Path, required=True)
    judging.add_argument("--box", type=Path, required=True, metavar="FOLDER")
    judging.add_argument("--level", choices=LEVELS, default="quick")
    judging.add_argument("--seeds", type=int, default=3)
    judging.add_argument("--student", default="sdb:cnn-small")
    judging.add_argument("--compare", nargs="*", default=["sdb"], metavar="POLICY")
    judging.add_argument("--state", type=Path, metavar="FOLDER", help="keep finished students here")
    judging.add_argument("--out", type=Path, metavar="REPORT.json")
    return parser


def _command(commands: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function)
    parser.add_argument("--data", default="builtin:digits", help="builtin:digits, a zip of image folders, or npz")
    parser.add_argument("--architecture", default="sdb:cnn-mini")
    parser.add_argument("--mean", type=float, nargs="+", help="default: measured on the training images")
    parser.add_argument("--std", type=float, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; may be repeated")
    parser.add_argument("--json", action="store_true", help="answer JSON on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
