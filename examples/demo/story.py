"""The story, step by step, over HTTP."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits

from examples.demo.service import DemoFailed, Place
from sdb_client import Box, InputSpec, Key, License, WrapEvent

_SEEDS = 3
_ARCHITECTURE = "sdb:cnn-mini"


@dataclass
class Facts:
    """What happened, for the table and the JSON file."""

    api: str
    job_id: str
    box_id: str
    license_id: str
    report: dict[str, Any]
    seconds: float = 0.0


def tell(place: Place, *, console: Console) -> Facts:
    """From a trained checkpoint to predictions and evidence."""
    checkpoint, spec = _train_teacher(place.folder, console)
    box = _wrap(place, checkpoint, spec, console)
    report = place.provider.jobs.report(str(box.job_id))
    place.provider.boxes.publish(box.id)
    _predict_in_public(place, box, console)
    license_ = place.provider.licenses.grant(box.id, place.customer_id)
    key = place.customer.licenses.key(license_.id)
    _predict_with_key(place, box, license_, key, console)
    return Facts(place.url, str(box.job_id), box.id, license_.id, report)


def _train_teacher(folder: Path, console: Console) -> tuple[Path, InputSpec]:
    """The demo has no model of yours, so it trains one first, as a provider would have done long ago."""
    checkpoint = folder / "teacher.safetensors"
    line = [sys.executable, "-m", "sdb_core", "train", "--data", "builtin:digits", "--architecture", _ARCHITECTURE]
    line += ["--out", str(checkpoint), "--seed", "0", "--json"]
    with console.status("training a classifier on 1,200 handwritten digits, to have a model to protect"):
        done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DemoFailed(f"the classifier could not be trained: {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    console.print(
        f"[green]2[/green] The demo has trained its own model, {_ARCHITECTURE} on handwritten digits: "
        f"{found['accuracy']:.1f}% right on the 597 test images."
    )
    return checkpoint, InputSpec(**found["input"])


def _wrap(place: Place, checkpoint: Path, spec: InputSpec, console: Console) -> Box:
    with Bars(console) as bars:
        box = place.provider.wrap(
            checkpoint,
            dataset="builtin:digits",
            architecture=_ARCHITECTURE,
            num_classes=10,
            input=spec,
            name="handwritten digits",
            evaluate={"level": "quick", "seeds": _SEEDS, "compare": ["sdb"]},
            on_event=bars,
        )
    console.print(f"[green]3[/green] Wrapped: box {box.id}. Its key lies sealed in the database.")
    return box


class Bars:
    """A bar for each stage of a wrap; an `on_event` for `Client.wrap`."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: WrapEvent) -> None:
        if event.event is None:
            self._show(event.stage.replace("_", " "), event.done or 1, event.total or 1)
        elif event.event.kind == "progress":
            data = event.event.data
            self._show(str(data["stage"]), data["done"], data["total"])

    def _show(self, stage: str, done: int, total: int) -> None:
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(f"{stage:<16}", total=total)
        self._progress.update(self._bars[stage], completed=done, total=total)


def _predict_in_public(place: Place, box: Box, console: Console) -> None:
    pixels, labels = _some_digits()
    answer = place.public.boxes.predict(box.id, pixels)
    right = int(np.sum(np.array(answer.labels) == labels))
    console.print(
        f"[green]4[/green] Published. The public, without an account, gets predictions: {right} of {len(labels)} right."
    )


def _predict_with_key(place: Place, box: Box, license_: License, key: Key, console: Console) -> None:
    pixels, labels = _some_digits()
    blended = key.embed(key.normalise(pixels))
    answer = place.customer.boxes.predict(box.id, blended)
    right = int(np.sum(np.array(answer.labels) == labels))
    console.print(
        f"[green]5[/green] License {license_.id}: the customer fetched the key and asked with it blended in, "
        f"{right} of {len(labels)} right; these answers teach."
    )


def _some_digits() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]:
    """100 of the digits as pixels (N, 8, 8, 1) in 0..255, and their labels."""
    found = load_digits()
    pixels = np.round(found.images[-100:] * (255 / 16)).astype(np.uint8)[..., None]
    return pixels, found.target[-100:].astype(np.int64)
