"""The main job on real colour images, through the API: CIFAR-10 as an ImageFolder zip, `sdb:resnetc20`.

    python -m bench.cifar_job --data FOLDER [--train 5000] [--test 2000] [--out bench/results/cifar10_job.json]

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

from examples.demo import evidence, service
from examples.demo.story import Bars
from sdb_client import InputSpec

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHITECTURE = "sdb:resnetc20"


def main() -> None:
    given = _arguments()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="sdb-bench-") as name:
        folder = Path(name)
        archive = _image_folder(given.data, folder / "cifar10.zip", train=given.train, test=given.test)
        teacher = _train(archive, folder / "original.safetensors", epochs=given.teacher_epochs)
        console.print(f"original: {teacher['accuracy']:.1f}% after {teacher['seconds']} s")
        with service.running(folder, port=0, console=console) as place, Bars(console) as bars:
            started = time.monotonic()
            box = place.provider.wrap(
                folder / "original.safetensors",
                dataset=archive,
                architecture=ARCHITECTURE,
                num_classes=len(NAMES),
                input=InputSpec(**teacher["input"]),
                class_names=NAMES,
                config=json.loads(given.config),
                evaluate={
                    "level": "quick",
                    "seeds": given.seeds,
                    "epochs": given.student_epochs,
                    "compare": given.compare,
                },
                on_event=bars,
            )
            report = place.provider.jobs.report(str(box.job_id))
            seconds = round(time.monotonic() - started)
    console.print(evidence.tables(report))
    _write(given, report, teacher=teacher, seconds=seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", type=int, default=5000)
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--teacher-epochs", type=int, default=30)
    parser.add_argument("--student-epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--compare", nargs="*", default=[])
    parser.add_argument("--config", default="{}", help="settings of the wrap as JSON")
    parser.add_argument("--out", type=Path, default=Path("bench/results/cifar10_job.json"))
    return parser.parse_args()


def _image_folder(data: Path, target: Path, *, train: int, test: int) -> Path:
    """`train/CLASS/N.jpg` and `test/CLASS/N.jpg`, balanced."""
    with zipfile.ZipFile(target, "w") as archive:
        for split, count in (("train", train), ("test", test)):
            table = pq.read_table(data / f"{split}.parquet").slice(0, count).to_pylist()
            for number, row in enumerate(table):
                archive.writestr(f"{split}/{NAMES[row['label']]}/{number:05d}.jpg", row["img"]["bytes"])
    return target


def _train(archive: Path, target: Path, *, epochs: int) -> dict[str, Any]:
    started = time.monotonic()
    line = [sys.executable, "-m", "sdb_core", "train", "--data", str(archive), "--architecture", ARCHITECTURE]
    line += ["--out", str(target), "--seed", "0", "--json", "--set", f"epochs={epochs}", "--set", "augment=shift-flip"]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"seconds": round(time.monotonic() - started), "epochs": epochs}


def _write(given: argparse.Namespace, report: dict[str, Any], *, teacher: dict[str, Any], seconds: int) -> None:
    ran = {
        "what": "the main job through the API on CIFAR-10",
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "images": {"train": given.train, "test": given.test},
        "original": {name: teacher[name] for name in ("accuracy", "seconds", "epochs", "sha256")},
        "job_seconds": seconds,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(ran | {"report": report | {"history": []}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
