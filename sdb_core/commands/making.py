"""train, wrap, distill: nets from data, from a model, from a teacher."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from sdb_core.checkpoints import save_weights, sha256_of
from sdb_core.commands.options import Answer, add_command, add_preset, check_place, loaded, run_of, settings_of, task
from sdb_core.distillation import distill, fit, new_student
from sdb_core.errors import InvalidSettings
from sdb_core.evaluation import accuracy
from sdb_core.files import write_atomically
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import POLICIES, StudentSettings, TrainingSettings, WrapSettings, over_preset
from sdb_core.wrapping import wrap

_WEIGHTS = ".safetensors"


def add_to(commands: Any) -> None:
    """These commands and their options."""
    training = add_command(commands, "train", _train, "train a plain classifier")
    training.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    wrapping = add_command(commands, "wrap", _wrap, "make a box and its key of a model")
    wrapping.add_argument("--model", type=Path, required=True)
    wrapping.add_argument("--policy", choices=POLICIES, default="sdb-hardened")
    wrapping.add_argument("--key-seed", type=int, help="draw the key from a seed (for experiments; default: fresh)")
    wrapping.add_argument("--checkpoint", type=Path, help="keep the state here and go on from it")
    wrapping.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    teaching = add_command(commands, "distill", _distill, "teach a student, with the key or without")
    teaching.add_argument("--teacher", type=Path, required=True)
    teaching.add_argument("--student", default="sdb:cnn-small")
    teaching.add_argument("--key", type=Path)
    teaching.add_argument("--out", type=Path, metavar="FILE.safetensors")
    for command in (training, wrapping, teaching):
        add_preset(command)


def _train(given: argparse.Namespace) -> Answer:
    check_place(given.out, suffix=_WEIGHTS)
    splits, normalisation, architecture = task(given)
    net = new_student(architecture, seed=given.seed, device=torch.device(given.device))
    settings = TrainingSettings.from_dict(over_preset(settings_of(given), "original"))
    fit(net, splits.train, normalisation=normalisation, settings=settings, run=run_of(given, "train"))
    if not given.team.leads:
        return {}
    save_weights(net, given.out)
    return {
        "accuracy": round(accuracy(net, splits.test, normalisation=normalisation), 3),
        "model": str(given.out),
        "sha256": sha256_of(given.out),
        "input": _input_of(architecture, normalisation),
    }


def _wrap(given: argparse.Namespace) -> Answer:
    check_place(given.checkpoint)
    if given.out.is_file():
        raise InvalidSettings(f"{given.out} is a file, and a box is a folder; choose another name.")
    splits, normalisation, architecture = task(given)
    original = loaded(given.model, architecture, device=given.device)
    settings = WrapSettings.for_policy(given.policy, settings_of(given))
    key_seed = given.key_seed if given.key_seed is not None else given.team.told(_fresh_seed())
    generator = torch.Generator().manual_seed(key_seed)
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
        run=run_of(given, "wrap"),
    )
    if not given.team.leads:
        return {}
    save_weights(result.net, given.out / "box.safetensors")
    key.save(given.out / "key.safetensors", box_id=given.out.name)
    record = {"policy": given.policy, "config": settings.to_dict(), "seed": given.seed, "history": result.history}
    record["named"] = settings_of(given)
    write_atomically(given.out / "history.json", json.dumps(record).encode())
    return {
        "closed": round(accuracy(result.net, splits.test, normalisation=normalisation), 3),
        "open": round(accuracy(result.net, splits.test, normalisation=normalisation, key=key), 3),
        "original": round(accuracy(original, splits.test, normalisation=normalisation), 3),
        "box": str(given.out),
        "seconds": round(time.monotonic() - started, 1),
    }


def _distill(given: argparse.Namespace) -> Answer:
    check_place(given.out, suffix=_WEIGHTS)
    key = Key.load(given.key) if given.key else None
    splits, normalisation, architecture = task(given, key=key)
    teacher = loaded(given.teacher, architecture, device=given.device)
    student = new_student(architecture.named(given.student), seed=given.seed, device=torch.device(given.device))
    settings = StudentSettings.from_dict(over_preset(settings_of(given), "student", of=given.student))
    run = run_of(given, "distill")
    distill(student, teacher, splits.train, normalisation=normalisation, settings=settings, run=run, key=key)
    if not given.team.leads:
        return {}
    if given.out:
        save_weights(student, given.out)
    return {
        "accuracy": round(accuracy(student, splits.test, normalisation=normalisation), 3),
        "with_key": key is not None,
        "student": str(given.out) if given.out else None,
    }


COMMANDS = (_train, _wrap, _distill)


def _fresh_seed() -> int:
    return torch.Generator().seed()


def _input_of(architecture: Architecture, normalisation: Normalisation) -> dict[str, Any]:
    channels, height, width = architecture.shape
    scale = {"mean": list(normalisation.mean), "std": list(normalisation.std)}
    return {"channels": channels, "height": height, "width": width, **scale}
