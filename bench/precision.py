"""What serving a box in int8 changes: accuracy, logits, and what students learn from its answers.

    taskset -c 1 python -m bench.precision [--task digits] [--data FOLDER] [--seeds 0 1 2] [--net NAME] [--epochs N]
                                              [--json FILE]

For each seed an original, a key and a box of their own (`bench/tasks.py`, the default policy), exported as a job does
it and quantised by `worker/child/quantising.py` on training images. `serving` is the report's part of that name. The
students' rows are test accuracies of students that learn from ONNX Runtime's answers, one of each kind with the same
first weights: from the float32 file and from the int8 file, without the key (closed) and with it (open); `scratch`
learns from labels alone.
"""

import argparse
import dataclasses
import json
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch
from torch import Tensor, nn

from bench.tasks import CPU, TASKS, Task, architecture_of, described, opened, original_of, wrapped
from sdb_core import __version__
from sdb_core.distillation import distill, fit, new_student
from sdb_core.evaluation import accuracy
from sdb_core.nets import Architecture
from sdb_core.subject import Subject, code_version
from sdb_core.training import Run
from sdb_core.verdicts import summary_of
from worker.child.export import export
from worker.child.quantising import calibration_inputs, quantise
from worker.child.serving import difference

PRECISIONS = ("float32", "int8")
STREAMS = ("closed", "open")


def main(arguments: list[str] | None = None) -> None:
    """Measure every seed, print, and write rows and summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--net", default=None, help="instead of the task's")
    parser.add_argument("--epochs", type=int, default=None, help="of the wrap, instead of the policy's or preset's")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args(arguments)
    task, rows = TASKS[given.task], []
    task = dataclasses.replace(task, net=given.net or task.net)
    task = dataclasses.replace(task, hardened={"epochs": given.epochs} if given.epochs else task.hardened)
    for seed in given.seeds:
        rows.append(measured(task, given.data, seed=seed))
        print(json.dumps(rows[-1]), flush=True)
    found = {
        "task": described(task),
        "onnxruntime": ort.__version__,
        "code_version": code_version(__version__),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "summary": summary(rows),
        "rows": rows,
    }
    path = given.json or Path(f"bench/results/precision_{given.task}.json")
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")


def measured(task: Task, data: str, *, seed: int) -> dict[str, Any]:
    """One original, box and key: the report's part, and the students."""
    splits = opened(task, data)
    subject = wrapped(task, original_of(task, splits, seed=seed), splits, seed=seed, values=task.hardened)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in PRECISIONS}
        export(subject.box, subject.architecture, files["float32"])
        quantise(files["float32"], files["int8"], calibration_inputs(splits.train, subject.key))
        serving = difference(*files.values(), splits.test, trained_on=len(splits.train), key=subject.key)
        teachers = {name: OnnxNet(path) for name, path in files.items()}
    return {"seed": seed, "serving": serving, "students": students(subject, task, teachers, seed=seed)}


def students(subject: Subject, task: Task, teachers: dict[str, "OnnxNet"], *, seed: int) -> dict[str, float]:
    """Test accuracies in percent by teacher and stream."""
    train, scale = subject.splits.train, subject.normalisation

    def judged(teach: Callable[[nn.Module, Run], object]) -> float:
        net = new_student(_student_of(task, subject), seed=seed, device=CPU)
        teach(net, Run("student", seed))
        return round(accuracy(net, subject.splits.test, normalisation=scale), 3)

    def taught_by(teacher: nn.Module, stream: str) -> Callable[[nn.Module, Run], object]:
        key = subject.key if stream == "open" else None
        return lambda net, run: distill(
            net, teacher, train, normalisation=scale, settings=task.students, run=run, key=key
        )

    found = {"scratch": judged(lambda net, run: fit(net, train, normalisation=scale, settings=task.students, run=run))}
    for stream in STREAMS:
        for name, teacher in teachers.items():
            found[f"{stream} {name}"] = judged(taught_by(teacher, stream))
    return found


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and deviations over the seeds, in percent; `change` is int8 less float32 within a seed, in points."""
    boxes = {
        f"{stream} {name}": summary_of([row["serving"]["accuracy"][name][stream]["mean"] for row in rows])
        for stream in STREAMS
        for name in PRECISIONS
    }
    taught = {name: summary_of([row["students"][name] for row in rows]) for name in rows[0]["students"]}
    change = {
        f"{what} {stream}": [
            round(scores[f"{stream} int8"]["scores"][place] - scores[f"{stream} float32"]["scores"][place], 3)
            for place in range(len(rows))
        ]
        for what, scores in (("box", boxes), ("student", taught))
        for stream in STREAMS
    }
    return {"box": boxes, "students": taught, "change": change}


class OnnxNet(nn.Module):
    """An ONNX file as a teacher: logits [N, K] of x [N, C, H, W]."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self.session = ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)  # where the net lives, for who asks

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.session.run(None, {"input": x.contiguous().numpy()})[0])


def _student_of(task: Task, subject: Subject) -> Architecture:
    like = architecture_of(task, subject.splits)
    return Architecture(task.student, like.num_classes, *like.shape)


if __name__ == "__main__":
    main()
