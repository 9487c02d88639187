"""The main benchmark: wrap digits classifiers and measure what each policy keeps and hides.

    python bench/digits.py [--seeds 5] [--out bench/results/digits.json]

Each seed has its own original, key, wrap and students; the students' spread within a seed comes from `--students`.
All settings are the defaults, which were chosen on validation splits of the training data (docs/method.md).
Policies beside the default get the two streams' students and no attacks.
"""

import argparse
import dataclasses
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from sdb_core import __version__
from sdb_core.datasets import Splits, open_dataset
from sdb_core.distillation import fit, new_student
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.report import Subject, make_report
from sdb_core.settings import EvaluationSettings, TrainingSettings, WrapSettings
from sdb_core.students import Classroom, report_kinds
from sdb_core.subject import code_version, weights_digest
from sdb_core.teaching import teach_all
from sdb_core.training import Run
from sdb_core.wrapping import wrap

CPU = torch.device("cpu")
POLICY = "sdb-hardened"
ORIGINAL = TrainingSettings(epochs=30, batch_size=64)


def main() -> None:
    """Run all seeds and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--students", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compare", nargs="*", default=["sdb", "nasty"])
    parser.add_argument("--out", type=Path, default=Path("bench/results/digits.json"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    splits = open_dataset("builtin:digits")
    settings = EvaluationSettings(level="quick", seeds=given.students, compare=tuple(given.compare))
    started, version = time.monotonic(), code_version(__version__)
    rows = []
    for seed in range(given.seeds):
        rows.append(one_seed(splits, seed=seed, settings=settings))
        print(json.dumps(rows[-1]), flush=True)
    result = {
        "command": f"python bench/digits.py --seeds {given.seeds} --students {given.students}",
        "mean_and_deviation_over_seeds": summary(rows),
        "per_seed": rows,
        "config": {
            "original": ORIGINAL.to_dict(),
            "wrap": WrapSettings.for_policy(POLICY).to_dict(),
            "evaluation": settings.to_dict(),
        },
        "dataset_sha256": splits.digest(),
        "code_version": version,
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "device": f"cpu ({platform.machine()}, {given.threads} threads)",
        "seconds": round(time.monotonic() - started, 1),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["mean_and_deviation_over_seeds"], indent=1))


def one_seed(splits: Splits, *, seed: int, settings: EvaluationSettings) -> dict[str, Any]:
    """Train an original, wrap it, and measure: a flat row of percentages."""
    subject = wrapped(splits, seed=seed)
    report = make_report(subject, settings=settings, run=Run("evaluate", 100 + seed))
    row: dict[str, Any] = {"seed": seed, "wrap_seconds": round(subject.wrap_seconds, 1)}
    row |= {f"box {name}": value["mean"] for name, value in report["accuracy"].items()}
    row |= {f"student {name}": value["mean"] for name, value in report["students"].items()}
    row |= {f"attack {attack['name']}": attack["accuracy"]["mean"] for attack in report["attacks"]}
    row |= same_size_students(subject, settings, seed=seed)
    for policy, rival in report["comparison"].items():
        row |= {f"{policy}: box {name}": rival["accuracy"][name]["mean"] for name in ("closed", "open")}
        row |= {f"{policy}: student {name}": value["mean"] for name, value in rival["students"].items()}
    row |= {f"verdict {name}": verdict["pass"] for name, verdict in report["verdicts"].items()}
    row["seconds"] = report["provenance"]["seconds"]
    return row


def wrapped(splits: Splits, *, seed: int) -> Subject:
    """A trained original and its box, from this seed."""
    architecture = Architecture("sdb:cnn-mini", 10, 1, 8, 8)
    normalisation = Normalisation.measured(splits.train.images)
    original = new_student(architecture, seed=seed, device=CPU)
    fit(original, splits.train, normalisation=normalisation, settings=ORIGINAL, run=Run("original", seed))
    settings = WrapSettings.for_policy(POLICY)
    generator = torch.Generator().manual_seed(10_000 + seed)
    key = Key.random((1, 8, 8), mean=normalisation.mean, std=normalisation.std, lam=settings.lam, generator=generator)
    started = time.monotonic()
    result = wrap(
        original,
        splits.train,
        key,
        policy=POLICY,
        settings=settings,
        architecture=architecture,
        run=Run("wrap", seed),
    )
    return Subject(
        original=original,
        box=result.net,
        key=key,
        splits=splits,
        architecture=architecture,
        policy=POLICY,
        settings=settings,
        seed=seed,
        model_sha256=weights_digest(original),
        wrap_seconds=time.monotonic() - started,
    )


def same_size_students(subject: Subject, settings: EvaluationSettings, *, seed: int) -> dict[str, float]:
    """The rows of students as large as the original itself: the strongest thief."""
    large = dataclasses.replace(settings, student=subject.architecture.name)
    wanted = ("scratch", "closed")
    run = Run("evaluate", 200 + seed)
    kinds = [kind for kind in report_kinds(Classroom(subject, large, run=run)) if kind.name in wanted]
    scores = teach_all(kinds, subject, seeds=large.seeds, run=run).scores
    return {f"same-size student {name}": round(statistics.mean(values), 3) for name, values in scores.items()}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and sample deviation of every number over the seeds; verdicts as counts."""
    found: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name.startswith("verdict"):
            found[name] = f"{sum(values)} of {len(values)}"
        elif name != "seed":
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            found[name] = [round(statistics.mean(values), 2), round(spread, 2)]
    return found


if __name__ == "__main__":
    main()
