"""The page on serving, with its tables computed from the files of `bench.serving` and `bench.serving_scale`.

    python -m bench.serving_page [bench/results/serving.json] [--scale bench/results/serving_scale.json]

Writes `docs/serving.md`. A file that is not there leaves its section out.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.serving_scale.page import scale_sections

_HEAD = """# How fast predictions are served

Written by `python -m bench.serving_page` from the files of the two measurements.

```sh
pip install ".[train,peers]"        # the other servers, here or anywhere; TorchServe also wants Java 11 or later
python -m bench.serving --json bench/results/serving.json [--peers-python PYTHON]       # 10 minutes; --quick: 3
python -m bench.serving_scale --json bench/results/serving_scale.json --picture docs/images/serving_scale.png
python -m bench.serving_page        # this page
```

Every server has one core, the load generator another, and nothing else should run meanwhile. The number that counts is
**images per second of the server's processor time**, of all its processes, user and system: it does not depend on how
fast the load generator is. Wall time stands beside it. All contenders start first and are warm; then each is measured
in turn, round after round. A number is the median over the rounds, with the lowest and the highest round behind it.
Pictures are PNG of 32x32, 2.4 kB each, one in a request, on connections that ask again as soon as they are answered.
Networks have random weights: what an answer costs does not depend on them. Only answers with status 200 count, any
other ends the run; that this service's are right is tested in `tests/bench/test_serving.py`.

The ceiling is the bare engine in a loop on images that are decoded already, at its best batch size, beside the same
load generator as the servers. TorchServe runs the same ONNX file in ONNX Runtime in a handler of ours, the other peers
run eager torch. Batches go up to 32, here to 16; the FastAPI server answers one image at a time. Whoever is not
measured stands still (SIGSTOP).
"""
_NAMES = {
    "sdb": "**this service**",
    "onnxruntime": "bare ONNX Runtime",
    "torch": "bare torch",
    "naive": "FastAPI + torch, one image at a time",
    "litserve": "LitServe, torch",
    "bentoml": "BentoML, torch",
    "torchserve": "TorchServe, ONNX Runtime",
}
_WORKLOADS = {
    "ceiling": "The ceiling, small CNN, batches",
    "ceiling_alone": "The same with the other core asleep",
    "ceiling_one": "The ceiling, small CNN, one image",
    "png_c1": "Small CNN, PNG, 1 connection",
    "png_c8": "Small CNN, PNG, 8 connections",
    "png_c64": "Small CNN, PNG, 64 connections",
    "npy256": "Small CNN, npy of 256 images, logits, 4 connections",
    "distill256": "The same through the key, with a license (`distill`)",
    "ceiling_resnet18": "The ceiling, ResNet-18, batches",
    "resnet18_c64": "ResNet-18, PNG, 64 connections",
}
_RATIOS = {
    "png_c64_vs_ceiling": ("PNG at 64 connections, of the ceiling", "at least 0.5"),
    "png_c64_vs_best_peer": ("PNG at 64 connections, times the best peer", "at least 2"),
    "png_c64_vs_litserve": ("PNG at 64 connections, times LitServe", "at least 8"),
    "png_c1_overhead_ms": ("one PNG at a time, ms over the engine's one image", "at most 0.35"),
    "npy256_vs_ceiling": ("npy of 256, of the ceiling", "at least 0.9"),
    "distill256_vs_ceiling": ("distill of 256, of the ceiling", "at least 0.85"),
    "resnet18_c64_vs_ceiling": ("ResNet-18, of the ceiling", "at least 0.9"),
    "png_c64_p99_over_p50": ("p99 over p50, PNG at 64 connections", "under 3"),
}


def main(arguments: list[str] | None = None) -> None:
    """Write the page of the results that are there."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.serving_page", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("serving", type=Path, nargs="?", default=Path("bench/results/serving.json"))
    parser.add_argument("--scale", type=Path, default=Path("bench/results/serving_scale.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/serving.md"))
    given = parser.parse_args(arguments)
    serving, scale = (json.loads(file.read_text()) if file.is_file() else None for file in (given.serving, given.scale))
    given.page.write_text(page(serving, scale))


def page(serving: dict[str, Any] | None, scale: dict[str, Any] | None) -> str:
    """The whole page in Markdown; `serving` and `scale` are what the two files hold."""
    parts = [_HEAD]
    if serving is not None:
        parts.append(serving_section(serving))
    if scale is not None:
        parts.append(scale_sections(scale))
    return "\n".join(parts)


def serving_section(found: dict[str, Any]) -> str:
    """Where it was measured, the ratios, and a table for each workload."""
    lines = ["## Beside the engine and other servers", "", _where(found), "", "| ratio | | aim |", "|---|---|---|"]
    for name, (words, aim) in _RATIOS.items():
        lines.append(f"| {words} | {_number(found['ratios'].get(name))} | {aim} |")
    lines += ["", _beside_the_engine(found["medians"])]
    for workload, title in _WORKLOADS.items():
        contenders = found["medians"].get(workload)
        if contenders:
            lines += ["", f"### {title}", "", "| | images per CPU second | images per second | p50 ms | p99 ms |"]
            lines += ["|---|---|---|---|---|"]
            fastest = sorted(contenders.items(), key=lambda item: -item[1]["images_per_cpu_second"])
            lines += [_line(name, row) for name, row in fastest]
    return "\n".join([*lines, ""])


def _beside_the_engine(medians: dict[str, dict[str, Any]]) -> str:
    """What an image costs on top of the engine: that depends less on how fast the engine is than its share does."""
    engine = medians.get("ceiling", {}).get("onnxruntime")
    costs = [
        f"{1e6 / row['images_per_cpu_second'] - 1e6 / engine['images_per_cpu_second']:.0f} ({workload})"
        for workload in ("png_c64", "npy256", "distill256")
        if engine and (row := medians.get(workload, {}).get("sdb"))
    ]
    if not engine or not costs:
        return "The engine was not measured."
    return (
        f"An image costs the engine {1e6 / engine['images_per_cpu_second']:.0f} us here, this service on top of that "
        f"{', '.join(costs)} us. Where the engine is slower, its share is larger."
    )


def _where(found: dict[str, Any]) -> str:
    versions = found["versions"] | {name: version for peer in found["peers"].values() for name, version in peer.items()}
    stated = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    missing = f" Not installed: {', '.join(found['missing'])}." if found["missing"] else ""
    place = found["machine"]
    return (
        f"{place['processor']}, {place['cores']} cores, {place['system']}; {found['rounds']} rounds of "
        f"{found['seconds']:g} seconds. {stated}.{missing}"
    )


def _line(name: str, row: dict[str, Any]) -> str:
    speed = f"{row['images_per_cpu_second']:,.0f} ({row['lowest']:,.0f} to {row['highest']:,.0f})"
    wall = f"{row['images_per_second']:,.0f}"
    return f"| {_NAMES.get(name, name)} | {speed} | {wall} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} |"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


if __name__ == "__main__":
    main()
