"""What label smoothing alone teaches, from weak to strong: the control of HTC, which mixes answers into the labels.

    python -m bench.smoothing --task cifar10 --data FOLDER [--panel bench/results/panel_cifar10.json]

HTC (`sdb_core/attacks/composition.py`) teaches the label with 30% of the box's answers at T = 50. At that temperature
any answers are nearly uniform, so the attack is nearly label smoothing of 0.27 (its share times alpha), whoever
answers; a report's floor smooths by 0.1. Here students see no box at all. Their first weights and the order of their
images are those of the panel's students of the same seed: on the same machine 0.1 gives the panel's own number. Where
the panel's rows are at hand, `htc_over` is HTC less the student of each smoothing, paired by seed.
"""

import argparse
import dataclasses
import json
import platform
from pathlib import Path
from typing import Any

import torch

from bench.panel import spread
from bench.tasks import TASKS, Task, architecture_of, described, opened
from sdb_core import __version__
from sdb_core.datasets import Splits
from sdb_core.distillation import label_objective, new_student
from sdb_core.evaluation import accuracy
from sdb_core.normalise import Normalisation
from sdb_core.subject import code_version
from sdb_core.teaching import seed_for
from sdb_core.training import CPU, Run, train

SMOOTHINGS = (0.0, 0.1, 0.2, 0.27, 0.4)


def main() -> None:
    """Teach the students and write rows and summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--smoothings", type=float, nargs="+", default=SMOOTHINGS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--panel", type=Path, help="its rows (default: bench/results/panel_TASK.json, if it is there)")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    task, out = TASKS[given.task], given.out or Path(f"bench/results/smoothing_{given.task}.json")
    panel = given.panel or Path(f"bench/results/panel_{given.task}.json")
    attacked = json.loads(panel.read_text())["per_seed"] if panel.is_file() else []
    splits, rows = opened(task, given.data), []
    for seed in given.seeds:
        scores = {str(smoothing): taught(task, splits, smoothing, seed=seed) for smoothing in given.smoothings}
        rows.append({"seed": seed, "students": scores})
        print(rows[-1], flush=True)
    result = {
        "task": described(dataclasses.replace(task, wrap={}, hardened={})),
        "summary": summary(rows, attacked),
        "per_seed": rows,
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "device": f"cpu ({platform.machine()}, {given.threads} threads)",
        "code_version": code_version(__version__),
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["summary"], indent=1))


def taught(task: Task, splits: Splits, smoothing: float, *, seed: int) -> float:
    """The test accuracy [percent] of a student of the labels, smoothed."""
    own, scale = seed_for(100 + seed, "student-0"), Normalisation.measured(splits.train.images)
    student = new_student(architecture_of(task, splits).named(task.student), seed=own, device=CPU)
    objective, run = label_objective(student, smoothing=smoothing), Run("students", own)
    train(student, objective, splits.train, normalisation=scale, settings=task.students, run=run)
    return accuracy(student, splits.test, normalisation=scale)


def summary(rows: list[dict[str, Any]], attacked: list[dict[str, Any]]) -> dict[str, Any]:
    """For each smoothing the students' accuracy, and what HTC of the same seeds reaches over it."""
    htc = {row["seed"]: row["attacks"]["htc"]["accuracy"] for row in attacked if "htc" in row["attacks"]}
    both = [row for row in rows if row["seed"] in htc]
    return {
        name: {
            "accuracy": spread([row["students"][name] for row in rows]),
            "htc_over": spread([htc[row["seed"]] - row["students"][name] for row in both]) if both else None,
            "htc_seeds": len(both),
        }
        for name in rows[0]["students"]
    }


if __name__ == "__main__":
    main()
