"""The main benchmark: what a box keeps, what it hides, what it teaches, against every attack of the panel.

    python -m bench.panel --task digits [--seeds 0 1 2 3 4] [--jobs 2] [--out bench/results/panel_digits.json]
    python -m bench.panel --task cifar10 --data FOLDER
    python -m bench.panel --fold --set top_share=0.8 decoy_share=0.17 --out FILE   (for choices: judged on a fold)

Each seed has its own original, key, box and students. The paper's `sdb` wraps the same originals beside, with the same
training, and faces the attacks that are named in BESIDE; these runs come last. All choices were made on folds of the
training images (docs/method.md); the test split is looked at here alone. What is in the output file with the same task
is not run again, so an interrupted run goes on.
"""

import argparse
import dataclasses
import json
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.tasks import TASKS, Task, described, fold, in_precision, opened, original_of, wrapped
from sdb_core import __version__
from sdb_core.attacks.measuring import measure
from sdb_core.attacks.registry import named
from sdb_core.datasets import Splits
from sdb_core.errors import BoxCollapsed
from sdb_core.report import make_report
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.subject import code_version
from sdb_core.training import Run

Part = Callable[[Task, argparse.Namespace, int], dict[str, Any]]
BESIDE = ("temperature-1", "temperature-4", "label-only", "second-peak-dropped")
BAR = 0.5


def main() -> None:
    """Run the seeds that are missing and write rows and summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--students", type=int, default=1, help="of each kind, for each seed")
    parser.add_argument("--level", default="full")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time, each in a process of its own")
    parser.add_argument("--fold", action="store_true", help="judge on further training images, not on the test")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="of all trainings")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of our wrap")
    given = parser.parse_args()
    task, out = TASKS[given.task], given.out or Path(f"bench/results/panel_{given.task}.json")
    task = dataclasses.replace(task, hardened={**task.hardened, **dict(map(_setting, given.set))})
    task = in_precision(task, given.precision) if given.precision else task
    facts = described(task)
    facts |= {"student_settings": facts["students"], "students": given.students}
    facts |= {"level": given.level, "fold": given.fold}
    facts["box"] = WrapSettings.for_policy("sdb-hardened", {**task.wrap, **task.hardened}).to_dict()
    rows = {int(row["seed"]): row for row in finished(out, facts)}
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(part, task, given, seed) for part, seed in missing(rows, given.seeds)]):
            row = done.result()
            rows[row["seed"]] = rows.get(row["seed"], {}) | row
            if _ours(rows):
                _write(out, facts, _ours(rows), threads=given.threads)
            print(f"seed {row['seed']}: {', '.join(row)}", flush=True)
    print(json.dumps(summary(_ours(rows)), indent=1))


def missing(rows: dict[int, dict[str, Any]], seeds: list[int]) -> list[tuple[Part, int]]:
    """What is left to run: each seed's own box, then the paper's beside."""
    ours: list[tuple[Part, int]] = [(one_seed, seed) for seed in seeds if seed not in rows]
    return ours + [(paper_beside, seed) for seed in seeds if "sdb" not in rows.get(seed, {})]


def finished(out: Path, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an earlier run into this file, or none if that run's task or box was another."""
    if not out.is_file():
        return []
    kept = json.loads(out.read_text())
    return list(kept["per_seed"]) if kept["task"] == json.loads(json.dumps(facts)) else []


def one_seed(task: Task, given: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train an original, wrap it by `sdb-hardened`, and measure: percentages."""
    started = time.monotonic()
    splits, original, settings = _prepared(task, given, seed)
    subject = wrapped(task, original, splits, seed=seed, values=task.hardened)
    report = make_report(subject, settings=settings, run=Run("evaluate", 100 + seed))
    row: dict[str, Any] = {"seed": seed, "dataset_sha256": splits.digest()}
    row["wrap_seconds"] = round(subject.wrap_seconds, 1)
    row["accuracy"] = {name: value["mean"] for name, value in report["accuracy"].items()}
    row["students"] = {name: value["mean"] for name, value in report["students"].items()}
    row["attacks"] = {attack["name"]: _attack(attack) for attack in report["attacks"]}
    row["not_measured"] = report["not_measured"]
    row["verdicts"] = {name: verdict["pass"] for name, verdict in report["verdicts"].items()}
    return row | {"code_version": code_version(__version__), "seconds": round(time.monotonic() - started, 1)}


def paper_beside(task: Task, given: argparse.Namespace, seed: int) -> dict[str, Any]:
    """The paper's policy on the same seed's original: its numbers, or what the disturbance did to it."""
    splits, original, settings = _prepared(task, given, seed)
    try:
        subject = wrapped(task, original, splits, seed=seed, policy="sdb")
    except BoxCollapsed as error:
        return {"seed": seed, "sdb": {"collapsed": error.message}}
    report = make_report(
        subject, settings=EvaluationSettings.from_dict(settings.to_dict() | {"level": "none"}), run=Run("evaluate", 0)
    )
    rows = measure(named(BESIDE), subject, settings=settings, run=Run("evaluate", 100 + seed))
    row = {name: value["mean"] for name, value in report["accuracy"].items()}
    row |= {f"student {attack['name']}": attack["accuracy"]["mean"] for attack in rows}
    return {"seed": seed, "sdb": row}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, deviation and standard error over the seeds; for each attack its points over its own floor."""
    found: dict[str, Any] = {
        part: {name: spread([row[part][name] for row in rows]) for name in rows[0][part]}
        for part in ("accuracy", "students")
    }
    found["lost"] = spread([row["accuracy"]["original"] - row["accuracy"]["closed"] for row in rows])
    found["hidden"] = spread([row["students"]["scratch"] - row["students"]["closed"] for row in rows])
    found["taught"] = spread([row["students"]["open"] - row["students"]["from_original"] for row in rows])
    names = dict.fromkeys(name for row in rows for name in row["attacks"])
    found["attacks"] = {name: _over([row["attacks"][name] for row in rows if name in row["attacks"]]) for name in names}
    plain = {name: attack for name, attack in found["attacks"].items() if attack["holds"] == "nothing"}
    found["over_the_bar"] = {name: attack["over"] for name, attack in plain.items() if attack["over"]["mean"] > BAR}
    beside = [row["sdb"] for row in rows if "sdb" in row]
    sound = [row for row in beside if "collapsed" not in row]
    found["sdb"] = {"seeds": len(beside), "collapsed": len(beside) - len(sound)}
    if sound:
        found["sdb"] |= {name: spread([row[name] for row in sound]) for name in sound[0]}
    return found


def _prepared(task: Task, given: argparse.Namespace, seed: int) -> tuple[Splits, nn.Module, EvaluationSettings]:
    torch.set_num_threads(given.threads)
    splits = fold(task, given.data, seed=seed) if given.fold else opened(task, given.data)
    settings = EvaluationSettings(
        level=given.level, seeds=given.students, student=task.student, compare=(), student_settings=task.students
    )
    return splits, original_of(task, splits, seed=seed), settings


def _attack(attack: dict[str, Any]) -> dict[str, Any]:
    kept = ("interface", "truth", "holds", "student", "query_budget", "data_budget")
    row = {name: attack.get(name) for name in kept}
    return row | {"accuracy": attack["accuracy"]["mean"], "floor": attack["floor"]["mean"], "leak": attack["leak"]}


def _over(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One attack over the seeds in which it could be measured."""
    return {
        "holds": rows[0]["holds"],
        "seeds": len(rows),
        "accuracy": spread([row["accuracy"] for row in rows]),
        "floor": spread([row["floor"] for row in rows]),
        "over": spread([row["accuracy"] - row["floor"] for row in rows]),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Mean, sample deviation and standard error, rounded."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    error = deviation / len(values) ** 0.5
    return {"mean": round(statistics.mean(values), 3), "std": round(deviation, 3), "error": round(error, 3)}


def _setting(pair: str) -> tuple[str, Any]:
    name, _, value = pair.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _ours(rows: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in the order of seeds, without those that have only the paper's policy yet."""
    return [rows[seed] for seed in sorted(rows) if "accuracy" in rows[seed]]


def _write(out: Path, facts: dict[str, Any], rows: list[dict[str, Any]], *, threads: int) -> None:
    result = {
        "task": facts,
        "summary": summary(rows),
        "per_seed": rows,
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "device": f"cpu ({platform.machine()}, {threads} threads)",
    }
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
