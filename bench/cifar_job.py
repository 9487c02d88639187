"""The main job on real colour images, through the API: the task "cifar10" of `bench/tasks.py` as an ImageFolder zip.

    python -m bench.cifar_job --data FOLDER [--level standard] [--out bench/results/cifar10_job.json] [--page FILE.html]

FOLDER holds `train.parquet` and `test.parquet` with a column `img.bytes` (encoded images) and a column `label`, in an
order whose every prefix is balanced. The script trains the original itself on the same images, starts a service of its
own, uploads, wraps, and writes the report with what was run. Nothing of the data is written into the project.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from bench.tasks import TASKS, described
from examples.demo import evidence, service
from examples.demo.story import Bars
from sdb_client import InputSpec

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TASK = TASKS["cifar10"]


def main() -> None:
    given = _arguments()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="sdb-bench-") as name:
        folder = Path(name)
        archive = _image_folder(given.data, folder / "cifar10.zip")
        teacher = _train(archive, folder / "original.safetensors")
        console.print(f"original: {teacher['accuracy']:.1f}% after {teacher['seconds']} s")
        with service.running(folder, port=0, console=console) as place, Bars(console) as bars:
            started = time.monotonic()
            box = place.provider.wrap(
                folder / "original.safetensors",
                dataset=archive,
                architecture=TASK.net,
                num_classes=len(NAMES),
                input=InputSpec(**teacher["input"]),
                class_names=NAMES,
                config={**TASK.wrap, **TASK.hardened},
                evaluate={
                    "level": given.level,
                    "seeds": given.seeds,
                    "student": TASK.student,
                    "student_settings": TASK.students.to_dict(),
                    "compare": given.compare,
                },
                on_event=bars,
            )
            report = place.provider.jobs.report(str(box.job_id))
            if given.page:
                given.page.write_text(place.provider.jobs.report_html(str(box.job_id)))
            seconds = round(time.monotonic() - started)
    console.print(evidence.tables(report))
    _write(given, report, teacher=teacher, seconds=seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--level", default="standard")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--compare", nargs="*", default=["sdb"], help="policies that wrap the same model beside")
    parser.add_argument("--page", type=Path, help="keep the report's page here")
    parser.add_argument("--out", type=Path, default=Path("bench/results/cifar10_job.json"))
    return parser.parse_args()


def _image_folder(data: Path, target: Path) -> Path:
    """`train/CLASS/N.jpg` and `test/CLASS/N.jpg`, balanced."""
    with zipfile.ZipFile(target, "w") as archive:
        for split, count in (("train", TASK.train), ("test", TASK.test)):
            table = pq.read_table(data / f"{split}.parquet").slice(0, count).to_pylist()
            for number, row in enumerate(table):
                archive.writestr(f"{split}/{NAMES[row['label']]}/{number:05d}.jpg", row["img"]["bytes"])
    return target


def _train(archive: Path, target: Path) -> dict[str, Any]:
    started = time.monotonic()
    line = [sys.executable, "-m", "sdb_core", "train", "--data", str(archive), "--architecture", TASK.net]
    line += ["--out", str(target), "--seed", "0", "--json"]
    for name, value in TASK.original.to_dict().items():
        line += ["--set", f"{name}={json.dumps(value)}"]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"seconds": round(time.monotonic() - started)}


def _write(given: argparse.Namespace, report: dict[str, Any], *, teacher: dict[str, Any], seconds: int) -> None:
    ran = {
        "what": "the main job through the API on CIFAR-10",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "task": described(TASK),
        "original": {name: teacher[name] for name in ("accuracy", "seconds", "sha256")},
        "job_seconds": seconds,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(ran | {"report": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
