"""How often the extraction monitor tells of people who use a box, and of people who copy it.

    python -m bench.monitor [--data ../shared/data/cifar10] [--seeds 10]

Without data it takes scikit-learn's digits. A small net is trained as the box; its answers, and its own slopes, are
what the streams of `bench/monitor_streams.py` see. Each stream goes through the service's own code (`api/monitoring`)
in passes of 64 images, is judged after each pass as in the service, and counts as told of by any alarm in any pass.
"""

import argparse
import json
import platform
import timeit
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from api.bodies.geometry import Geometry
from api.monitoring.callers import Caller, Callers
from api.monitoring.judging import Limits, judge
from api.monitoring.sketches import hashes_of
from api.monitoring.watch import ROOM, Watch
from bench.monitor_streams import BENIGN, COPIERS, Stream, Target
from sdb_core import __version__
from sdb_core.datasets import open_dataset
from sdb_core.datasets.images import LabelledImages
from sdb_core.distillation import fit, new_student
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import TrainingSettings
from sdb_core.subject import code_version
from sdb_core.training import CPU, Run
from sdb_service import clock
from sdb_service.settings import Settings

PASS = 64
MOST_NATURAL = 10_000
TRAINED_ON = {"digits": 600, "cifar10": 2500}
QUERIES = {"digits": 500, "cifar10": 2000}
NETS = {"digits": "sdb:cnn-mini", "cifar10": "sdb:cnn-strided"}


@dataclass(frozen=True, eq=False)
class _Ticket:
    kind: str
    standing: Any
    payer: str


def main() -> None:
    """Measure and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--seeds", type=int, default=10, help="of each copier; five times as many of each other")
    parser.add_argument("--out", type=Path, default=Path("bench/results/monitor.json"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = "digits" if given.data == "builtin:digits" else "cifar10"
    target = target_of(task, given.data)
    limits = Limits.of(Settings())
    rows: dict[str, Any] = {"benign": {}, "copiers": {}}
    for group, streams, seeds in (("benign", BENIGN, 5 * given.seeds), ("copiers", COPIERS, given.seeds)):
        for name, stream in streams.items():
            found = [watched(target, stream, limits, seed=seed) for seed in range(seeds)]
            rows[group][name] = summary(found)
            print(name, rows[group][name], flush=True)
    whole = json.loads(given.out.read_text()) if given.out.is_file() else {}
    whole["limits"] = limits.__dict__
    whole[task] = rows | {
        "training_images": target.training_images,
        "cost_us": cost(target),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": str(torch.__version__)},
        "code_version": code_version(__version__),
    }
    given.out.write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(whole[task]["cost_us"], indent=1))


def target_of(task: str, data: str) -> Target:
    """The box: a net trained on the first images; all others are natural images to ask."""
    splits = open_dataset(data)
    count = TRAINED_ON[task]
    train = splits.train.take(torch.arange(count))
    free = torch.cat([splits.train.images[count:], splits.test.images])[:MOST_NATURAL]
    pixels = free.permute(0, 2, 3, 1).numpy()
    scale = Normalisation.measured(train.images)
    net = trained(task, train, scale)
    channels, height, width = splits.shape
    shape = {"channels": channels, "height": height, "width": width, "mean": scale.mean, "std": scale.std}
    return Target(net, Geometry.of(shape), np.ascontiguousarray(pixels), count, QUERIES[task])


def trained(task: str, train: LabelledImages, scale: Normalisation) -> torch.nn.Module:
    architecture = Architecture(NETS[task], len(train.class_names), *train.images.shape[1:])
    net = new_student(architecture, seed=0, device=CPU)
    fit(net, train, normalisation=scale, settings=TrainingSettings(epochs=8, batch_size=64), run=Run("original", 0))
    return net.eval()


def watched(target: Target, stream: Stream, limits: Limits, *, seed: int) -> dict[str, Any]:
    """What the monitor says of one stream: kinds, after how many queries the first came, and W in the end."""
    pixels = stream(target, np.random.default_rng(seed))
    logits = target.logits(pixels)
    callers = Callers(capacity=1)
    caller = callers.of(standing(target, logits.shape[1]), "somebody")
    kinds: dict[str, int] = {}
    for start in range(0, len(pixels), PASS):
        stop = min(start + PASS, len(pixels))
        numbers = after(caller, pixels[start:stop], logits[start:stop])
        for finding in judge(numbers, limits, others=callers.others(caller), training_images=target.training_images):
            kinds.setdefault(finding.kind, stop)
    return {
        "kinds": kinds,
        "w": numbers.normality,
        "near": numbers.near_duplicates,
        "entropy": numbers.label_entropy,
        "queries": len(pixels),
    }


def after(caller: Caller, pixels: Any, logits: Any) -> Any:
    caller.evidence.queries += len(pixels)
    caller.add([pixels], [logits], compared=PASS)
    return caller.evidence.numbers()


def standing(target: Target, classes: int) -> Any:
    box = SimpleNamespace(id="box_of_the_bench", num_classes=classes, geometry=target.geometry)
    return SimpleNamespace(caller=None, box=box, is_owner=False)


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of the seeds that were told of, by kind; when; and the spread of the numbers in the end."""
    kinds = sorted({kind for one in found for kind in one["kinds"]})
    first = [min(one["kinds"].values()) for one in found if one["kinds"]]
    return {
        "seeds": len(found),
        "queries": int(np.median([one["queries"] for one in found])),
        "alarmed": sum(bool(one["kinds"]) for one in found) / len(found),
        "by_kind": {kind: sum(kind in one["kinds"] for one in found) / len(found) for kind in kinds},
        "first_alarm_after": int(np.median(first)) if first else None,
        "w": _spread([one["w"] for one in found if one["w"] is not None]),
        "near_duplicates": _spread([one["near"] for one in found]),
        "label_entropy": _spread([one["entropy"] for one in found]),
    }


def _spread(values: list[float]) -> list[float] | None:
    """The least, the median and the most."""
    return [round(float(np.quantile(values, at)), 4) for at in (0, 0.5, 1)] if values else None


def cost(target: Target) -> dict[str, float]:
    """Microseconds: of the event loop for one request, and of the monitor's thread."""
    pixels, logits = target.natural[:256], target.logits(target.natural[:256])
    ticket = _Ticket("predict", standing(target, logits.shape[1]), "somebody")
    found = {}
    for count in (1, 32, 256):
        watch = Watch(Callers(capacity=1), lambda *_: None)
        watch._awake.set()  # else the thread would take part of the time
        question = SimpleNamespace(ticket=ticket, images=pixels[:count])
        per_pass = max(1, ROOM // 2 // question.images.nbytes)

        def a_pass(watch: Watch = watch, question: Any = question, per_pass: int = per_pass) -> None:
            watch._room, watch._notes = ROOM, {}
            answered = logits[: len(question.images)]
            for _ in range(per_pass):
                watch.saw([question], answered)

        found[f"event loop, a request of {count}"] = round(_least(a_pass, 200) / per_pass, 2)
    caller = Caller(standing(target, logits.shape[1]), "somebody", since=clock.now())
    for start in range(0, 1152, PASS):
        part = target.natural[start : start + PASS]
        caller.add([part], [target.logits(part)], compared=PASS)
    stamps = iter(range(100, 250))

    def looked() -> None:
        fresh = pixels[:PASS].copy()
        fresh[:, 0, 0, 0] = next(stamps)
        caller.add([fresh], [logits[:PASS]], compared=PASS)

    found["thread, an image that is compared"] = round(_least(looked, 100) / PASS, 1)
    found["thread, an image that is counted alone"] = round(
        _least(lambda: caller.evidence.count(hashes_of(pixels), logits.argmax(axis=1)), 50) / len(pixels), 1
    )
    found["thread, judging a caller"] = round(_least(caller.evidence.numbers, 50), 1)
    return found


def _least(call: Any, times: int) -> float:
    """Microseconds of one call, the least of so many."""
    return min(timeit.repeat(call, number=1, repeat=times)) * 1e6


if __name__ == "__main__":
    main()
