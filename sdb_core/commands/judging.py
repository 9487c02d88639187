"""evaluate and attack: the evidence about a finished box."""

import argparse
import json
from pathlib import Path
from typing import Any

from sdb_core.attacks import PANEL, Attack
from sdb_core.checkpoints import sha256_of
from sdb_core.commands.options import (
    Answer,
    add_command,
    add_preset,
    check_place,
    loaded,
    plain,
    run_of,
    settings_of,
    task,
)
from sdb_core.errors import BoxUnreadable
from sdb_core.files import write_atomically
from sdb_core.keys import Key
from sdb_core.report import Subject, make_report
from sdb_core.settings import LEVELS, EvaluationSettings, WrapSettings, over_preset

_COLUMNS = (("attack", 24), ("sees", 14), ("holds", 16), ("floor", 12), ("student", 12), ("over the floor", 0))


def add_to(commands: Any) -> None:
    """These commands and their options."""
    judging = add_command(commands, "evaluate", _evaluate, "measure a box against its model")
    _subject_options(judging, level="standard", required=True)
    judging.add_argument("--compare", nargs="*", metavar="POLICY", help="policies that wrap the model beside; else sdb")
    attacking = add_command(commands, "attack", _attack, "run the attack panel against a finished box")
    _subject_options(attacking, level="full", required=False)
    attacking.add_argument("--attacks", nargs="+", default=[], metavar="NAME", help="these alone, instead of a level's")
    attacking.add_argument("--list", action="store_true", help="name the attacks, what each sees and asks, and stop")
    attacking.set_defaults(show=_table, compare=[])


def _subject_options(parser: argparse.ArgumentParser, *, level: str, required: bool) -> None:
    parser.add_argument("--model", type=Path, required=required, help="the checkpoint that was wrapped")
    parser.add_argument("--box", type=Path, required=required, metavar="FOLDER", help="what `wrap` wrote")
    add_preset(parser)
    parser.set_defaults(usual_level=level)
    parser.add_argument("--level", choices=LEVELS, help=f"else the preset's, else {level}")
    parser.add_argument("--seeds", type=int, help="students of each kind; else 3, at level full 5")
    parser.add_argument("--student", help="the thief's network; else sdb:cnn-small")
    parser.add_argument("--state", type=Path, metavar="FOLDER", help="keep finished students here")
    parser.add_argument("--out", type=Path, metavar="REPORT.json")


def _evaluate(given: argparse.Namespace) -> Answer:
    check_place(given.out)
    settings = _asked(given)
    if given.state:
        given.state.mkdir(parents=True, exist_ok=True)
    subject, run = _subject(given), run_of(given, "evaluate")
    named = _record(given.box).get("named", {})
    report = make_report(subject, settings=settings, run=run, config=named, state_folder=given.state)
    if given.out:
        write_atomically(given.out, json.dumps(report, indent=2).encode())
    return report


def _asked(given: argparse.Namespace) -> EvaluationSettings:
    """What was named; where nothing was, the preset's; where that has nothing, the command's usual."""
    taught = settings_of(given)
    preset = {"preset": taught.pop("preset")} if "preset" in taught else {}
    usual = {"level": given.usual_level} | over_preset(preset, "evaluation")
    named = {"level": given.level, "seeds": given.seeds, "student": given.student, "compare": given.compare}
    named |= {"attacks": getattr(given, "attacks", None), "student_settings": taught}
    named = {name: value for name, value in named.items() if value is not None}
    return EvaluationSettings.asked({**preset, **usual, **named})


def _attack(given: argparse.Namespace) -> Answer:
    if given.list:
        return {"panel": [_declared(attack) for attack in PANEL]}
    if given.model is None or given.box is None:
        given.parser.error("the following arguments are required: --model, --box (or --list)")
    return _evaluate(given)


def _subject(given: argparse.Namespace) -> Subject:
    key = Key.load(given.box / "key.safetensors")
    splits, _, architecture = task(given, key=key)
    record = _record(given.box)
    return Subject(
        original=loaded(given.model, architecture, device=given.device),
        box=loaded(given.box / "box.safetensors", architecture, device=given.device),
        key=key,
        splits=splits,
        architecture=architecture,
        policy=record["policy"],
        settings=WrapSettings.for_policy(record["policy"], record["config"]),
        seed=int(record["seed"]),
        history=record["history"],
        model_sha256=sha256_of(given.model),
    )


def _record(box: Path) -> dict[str, Any]:
    """How the box was made; an older one lacks "named", what its maker set. Raises BoxUnreadable."""
    try:
        record: dict[str, Any] = json.loads((box / "history.json").read_bytes())
        if not {"policy", "config", "seed", "history"} <= record.keys():
            raise ValueError("a part is missing")
    except (OSError, ValueError, AttributeError) as error:
        raise BoxUnreadable(f"{box} holds no readable history.json; name a folder that `wrap` wrote.") from error
    return record


def _declared(attack: Attack) -> Answer:
    asked = [f"one for each image ({attack.images})"] if attack.asks else []
    asked += [f"{attack.search[0] * attack.search[1]} more at most"] if attack.search[0] else []
    return {
        "name": attack.name,
        "about": attack.about,
        "interface": attack.interface,
        "truth": attack.truth,
        "holds": attack.holds,
        "queries": " and ".join(asked) or "none",
        "level": attack.level,
    }


def _table(answer: Answer) -> str:
    """The panel, or a report's attacks and verdicts, for a person."""
    if "panel" in answer:
        return "\n".join(
            f"{row['name']:<24}{row['interface']:<15}{'labels' if row['truth'] else 'no labels':<11}"
            f"{row['holds']:<17}{row['level']:<10}{row['about']} Answers: {row['queries']}."
            for row in answer["panel"]
        )
    if "attacks" not in answer:
        return plain(answer)
    lines = ["".join(f"{name:<{width}} " for name, width in _COLUMNS)]
    for row in answer["attacks"]:
        cells = [row["name"], row["interface"], row["holds"]]
        cells += [f"{row[name]['mean']:.1f} ± {row[name]['std']:.1f}" for name in ("floor", "accuracy")]
        cells += [f"{row['points_over_floor']:+.1f} ± {row['standard_error']:.1f}"]
        lines.append("".join(f"{cell:<{width}} " for cell, (_, width) in zip(cells, _COLUMNS, strict=True)).rstrip())
    lines += [f"{goal}: {verdict['pass']}. {verdict['why']}" for goal, verdict in answer["verdicts"].items()]
    lines += [f"not measured: {row['what']}. {row['why']}" for row in answer["not_measured"]]
    return "\n".join(lines)
