"""How long one wrapping step takes: against its floor and against the authors' step, interleaved in one run.

    python -m bench.step [--net sdb:resnetc20] [--batch 128] [--device cuda] [--precision bfloat16] [--compile]
                         [--steps 1] [--rounds 7] [--only NAME ...] [--json bench/results/step.json]

Needs what `sdb_core` needs; from a checkout without an installation: `PYTHONPATH=. python bench/step.py --device cuda`.
The images are noise, as a step costs the same on any. Contestants, in a new order each round:

- `floor`: one forward and backward of the net on 2B inputs, one forward each of T and T0 on B, nothing else: 8
  forwards of B. Same precision, memory format and compilation as ours, and everything ready on the device.
- `sdb`, `sdb cached`: `sdb_core.wrapping.wrap`, stepped from outside through its observer, so with batches, losses,
  clipping, optimiser and checks. The first shifts and flips its images, so T and T0 answer live; for the second
  they have answered before.
- `hardened`, `hardened cached`: the same for `sdb-hardened`, which sees more inputs than the floor; `light`: with
  wrong keys on a quarter of the batch and no mixtures, as for photographs. `floor of hardened`: one forward and
  backward on the 4B inputs that it sees, one forward of T on images and mixtures (14 forwards of B); likewise `light`.
- `authors`, always in float32, and `authors in bfloat16`: `bench/authors_step.py`.

A round times `--steps` steps of each: on a CPU with one thread the process's own processor time, which other work on
the machine touches least; otherwise the wall clock, waiting for the device before and after. A ratio is the median over
the rounds of the ratio within a round.
"""

import argparse
import json
import platform
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from bench.contestants import NAMES, OURS, SEED, Steps, contestants
from sdb_core.errors import CoreError


def main(arguments: list[str] | None = None) -> None:
    """Measure one configuration, print it, and keep it."""
    given = _arguments(arguments)
    torch.set_num_threads(given.threads)
    started = time.monotonic()
    torch.backends.cudnn.benchmark = True
    try:
        steps = contestants(given)
    except CoreError as error:
        raise SystemExit(f"{error.code}: {error.message}") from error
    samples = _measured(steps, given)
    row = {
        **_configuration(given),
        "milliseconds": {name: _spread([1000 * value for value in found]) for name, found in samples.items()},
        "ratios": _ratios(samples),
        "seconds": round(time.monotonic() - started, 1),
    }
    if torch.device(given.device).type == "cuda":
        row["waits_in_20_steps"] = {name: _waits(step) for name, step in steps.items()}
    print(json.dumps(row, indent=1))
    if given.json:
        _keep(given.json, row)


def _measured(steps: dict[str, Steps], given: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds a step, one sample a round; the contestants take turns in a new order each round."""
    clock = time.process_time if _clock(given) == "processor time" else time.perf_counter
    samples: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step(given.warm)
    names = list(steps)
    for number in range(given.rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            _wait(given)
            started = clock()
            steps[name](given.steps)
            _wait(given)
            samples[name].append((clock() - started) / given.steps)
    return samples


def _clock(given: argparse.Namespace) -> str:
    return "processor time" if given.device == "cpu" and given.threads == 1 else "wall clock"


def _wait(given: argparse.Namespace) -> None:
    if torch.device(given.device).type == "cuda":
        torch.cuda.synchronize(given.device)


def _waits(step: Steps) -> int:
    """How often 20 steps make the host wait for the GPU."""
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        step(20)
    torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in found)


def _ratios(samples: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    pairs = [(name, "floor") for name in samples if name != "floor"]
    pairs += [(name, f"floor of {name}") for name in samples if f"floor of {name}" in samples]
    pairs += [(theirs, ours) for theirs in samples if "authors" in theirs for ours in samples if ours in OURS]
    return {
        f"{above} / {below}": _spread([a / b for a, b in zip(samples[above], samples[below], strict=True)])
        for above, below in pairs
    }


def _spread(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}  # type: ignore[dict-item]


def _configuration(given: argparse.Namespace) -> dict[str, Any]:
    names = ("net", "batch", "size", "classes", "images", "precision", "compile", "steps", "rounds")
    return {
        **{name: getattr(given, name) for name in names},
        "optimiser": "sgd",
        "seed": SEED,
        "device": _device(given),
        "threads": torch.get_num_threads(),
        "clock": _clock(given),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def _device(given: argparse.Namespace) -> str:
    if torch.device(given.device).type == "cuda":
        return torch.cuda.get_device_name(given.device)
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"cpu ({names[0] if names else platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def _keep(path: Path, row: dict[str, Any]) -> None:
    """Put the row into the file's list, in the place of an older one of the same configuration."""
    rows = json.loads(path.read_text()) if path.is_file() else []
    names = ("net", "batch", "size", "precision", "compile", "device", "threads")
    rows = [old for old in rows if any(old[name] != row[name] for name in names)]
    path.write_text(json.dumps([*rows, row], indent=1) + "\n")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="sdb:resnetc20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32, help="the images' side [pixels]")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="compile the floor's nets and ours")
    parser.add_argument("--steps", type=int, default=1, help="steps in one sample; on a GPU take 20 or more")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warm", type=int, default=2, help="steps before the first sample")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="leave the others out, but the floor")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the row in this file's list")
    given = parser.parse_args(arguments)
    if wrong := _wrong(given):
        parser.error(wrong)
    return given


def _wrong(given: argparse.Namespace) -> str:
    """What cannot be measured, with the cure; "" where nothing is wrong."""
    if strangers := sorted(set(given.only) - set(NAMES)):
        return f"--only: nobody is called {', '.join(strangers)}; choose of {', '.join(NAMES)}"
    if given.rounds < 2:
        return "--rounds: quartiles need two rounds at least"
    if given.steps < 1 or given.warm < 0:
        return "--steps: take one step a sample at least, and no fewer than 0 before the first"
    if not 2 <= given.batch <= given.images:
        return f"--batch: from 2 to the {given.images} images that there are; --images makes more"
    if torch.device(given.device).type == "cuda" and not torch.cuda.is_available():
        return "--device cuda: PyTorch sees no GPU here; take cpu"
    return ""


if __name__ == "__main__":
    main()
