"""`python -m bench.paper_tables`: see the package's own words."""

import argparse
import dataclasses
import json
import platform
from pathlib import Path

import torch

import bench.paper_tables
from bench.paper_tables.cells import Table
from bench.paper_tables.chosen import SCALES
from bench.paper_tables.data import Data, open_data
from bench.paper_tables.digests import Training
from bench.paper_tables.page import read_results, rendered
from bench.paper_tables.plan import tables
from bench.paper_tables.results import gathered
from bench.paper_tables.scales import Scale
from bench.paper_tables.trainer import Trainer
from bench.paper_tables.watch import Watch
from bench.paper_tables.workshop import Workshop
from sdb_core.errors import CoreError, TrainingStopped
from sdb_core.files import write_atomically

ALL = (1, 2, 3, 4, 5, 6)


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked. Exit code 0: every chosen number is there; 1: refused, with the cure; 3: some are missing."""
    given = _arguments(arguments)
    try:
        return _run(given)
    except CoreError as error:
        raise SystemExit(f"{error.code}: {error.message}") from error


def _run(given: argparse.Namespace) -> int:
    given.out.mkdir(parents=True, exist_ok=True)
    if given.page:
        return _write_page(given.out)
    torch.set_num_threads(given.threads)
    scale = dataclasses.replace(SCALES[given.scale], share=given.epochs_share)
    device = torch.device(given.device)
    data = open_data(given.data, given.second, scale=scale, device=device)
    watch = Watch(hours=given.hours, say=lambda line: print(line, flush=True))
    state = given.state or Path("var/paper_tables") / scale.name
    trainer = Trainer(state, device=device, device_words=_device_words(device, given.threads), watch=watch)
    workshop = Workshop(scale, data, trainer=trainer)
    wanted = tables(scale)
    seeds = given.seeds or scale.seeds
    chosen = [table.narrowed(given.rows, given.columns) for table in wanted if table.number in given.tables]
    if not any(table.cells() for table in chosen):
        labels = sorted({row.label for table in wanted for row in table.rows if table.number in given.tables})
        raise SystemExit(f"No such row or column in these tables; rows are: {', '.join(labels)}.")
    there = [table for table in chosen if table.data in data]
    watch.plan(_trainings(there, workshop, seeds), finished=trainer.ledger.records)
    _announce(scale, data, watch, absent=[table.number for table in chosen if table not in there])
    if given.list:
        return 0
    watch.obey_signals()
    _measure(there, workshop, seeds)
    about = {"command": _command(given)}
    result = gathered(wanted, workshop, seeds=seeds, chosen=chosen, about=about)
    write_atomically(given.out / f"paper_tables_{scale.name}.json", (json.dumps(result, indent=1) + "\n").encode())
    _write_page(given.out)
    print(
        f"{sum(result['missing'].values())} numbers of the chosen tables are missing; see {given.out}/paper_tables.md"
    )
    return 3 if any(result["missing"].values()) else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.paper_tables",
        description=bench.paper_tables.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scale", choices=SCALES, default="smoke")
    parser.add_argument("--data", default="builtin:digits", help="CIFAR-10: a folder, an archive, parquet or npz")
    parser.add_argument("--second", default="", help="CIFAR-100, for Table 2")
    parser.add_argument("--tables", type=_numbers, default=ALL, metavar="1,2,5")
    parser.add_argument("--rows", type=_names, default=(), metavar="normal,sdb", help="these rows alone")
    parser.add_argument("--columns", type=_names, default=(), metavar="NAME,NAME", help="these columns alone")
    parser.add_argument("--seeds", type=int, default=0, help="default: the scale's")
    parser.add_argument("--epochs-share", type=float, default=1.0, help="train this share of the scale's epochs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hours", type=float, default=0.0, help="stop cleanly after so long")
    parser.add_argument("--state", type=Path, help="finished trainings (default: var/paper_tables/SCALE)")
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--list", action="store_true", help="say what would be trained, and stop")
    parser.add_argument("--page", action="store_true", help="write the page again from the results, and stop")
    given = parser.parse_args(arguments)
    if wrong := _wrong(given):
        parser.error(wrong)
    return given


def _wrong(given: argparse.Namespace) -> str:
    """What cannot be run, with the cure; "" where nothing is wrong."""
    if given.scale != "smoke" and given.data == "builtin:digits" and not given.page:
        return f"the scale {given.scale} needs images of 32x32: give --data a folder with CIFAR-10"
    if given.seeds < 0 or given.hours < 0 or given.threads < 1:
        return "--seeds and --hours are 0 (the default) or more, --threads 1 or more"
    if not 0 < given.epochs_share <= 1:
        return "--epochs-share: over 0, and 1 at most"
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        return f"--device {given.device}: PyTorch sees no GPU here; take cpu"
    return ""


def _numbers(text: str) -> tuple[int, ...]:
    parts = {part.strip() for part in text.split(",")}
    if not parts <= set(map(str, ALL)):
        raise argparse.ArgumentTypeError("tables are numbers from 1 to 6, as 1,2,5")
    return tuple(sorted(map(int, parts)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _trainings(chosen: list[Table], workshop: Workshop, seeds: int) -> list[Training]:
    cells = [cell for table in chosen for cell in table.cells()]
    return [training for seed in range(seeds) for cell in cells for training in workshop.digests.trainings(cell, seed)]


def _announce(scale: Scale, data: dict[str, Data], watch: Watch, *, absent: list[int]) -> None:
    if absent:
        print(f"left out: Table {', '.join(map(str, absent))} (give --second a CIFAR-100)")
    steps: dict[str, tuple[int, int]] = {}
    for training in watch.left.values():
        count, whole = steps.get(training.kind, (0, 0))
        steps[training.kind] = count + 1, whole + training.steps
    for kind, (count, whole) in sorted(steps.items()):
        print(f"  {count:3} x {kind}: {whole:,} steps")
    images = ", ".join(f"{role} {len(one.splits.train):,}" for role, one in data.items())
    print(f"scale {scale.name}: {len(watch.left)} of {watch.planned} trainings are left; training images: {images}")


def _measure(chosen: list[Table], workshop: Workshop, seeds: int) -> None:
    """Seed by seed, so that a run cut short has every table once rather than one table often."""
    try:
        for seed in range(seeds):
            for table in chosen:
                for cell in table.cells():
                    if workshop.trainer.watch.should_stop():
                        raise TrainingStopped("The time is up.")
                    workshop.value(cell, seed)
    except TrainingStopped as stopped:
        print(f"{stopped.message} Run the same command again to go on.")


def _write_page(folder: Path) -> int:
    write_atomically(folder / "paper_tables.md", rendered(read_results(folder)).encode())
    return 0


def _device_words(device: torch.device, threads: int) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {threads} thread{'s' if threads > 1 else ''})"


def _command(given: argparse.Namespace) -> str:
    """The call, without the names of this machine's folders."""
    words = ["python -m bench.paper_tables", f"--scale {given.scale}"]
    words.append(f"--data {given.data if given.data.startswith('builtin:') else 'FOLDER'}")
    words += ["--second FOLDER"] if given.second else []
    words += [f"--tables {','.join(map(str, given.tables))}"] if given.tables != ALL else []
    for name, chosen in (("rows", given.rows), ("columns", given.columns)):
        words += [f'--{name} "{",".join(chosen)}"'] if chosen else []
    words += [f"--seeds {given.seeds}"] if given.seeds else []
    words += [f"--epochs-share {given.epochs_share:g}"] if given.epochs_share != 1.0 else []
    words += [f"--device {given.device}"] if given.device != "cpu" else []
    return " ".join(words)


if __name__ == "__main__":
    raise SystemExit(main())
