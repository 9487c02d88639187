"""The sections of the page on serving that say how it scales."""

from collections.abc import Callable
from typing import Any

from bench.serving_scale.over_boxes import POPULARITIES

_POPULARITY = {"uniform": "all boxes alike", "zipf": "the k-th box in proportion to 1/k"}
_STOPPED = " The run was stopped here, so that the machine would not run out of it."


def scale_sections(found: dict[str, Any]) -> str:
    """A section for each part that was measured; where and how stands in the first, and where it changes."""
    parts, stated = [], ""
    for name, (title, say) in _PARTS.items():
        if name in found:
            where = _where(found[name])
            parts += [title, *([where] if where != stated else []), say(found[name])]
            stated = where
    return "\n\n".join(parts) + "\n"


def _where(part: dict[str, Any]) -> str:
    plan, place = part["plan"], part["machine"]
    stated = ", ".join(f"{name} {version or 'missing'}" for name, version in part["versions"].items())
    return (
        f"{place['processor']}, {place['cores']} cores; seed {plan['seed']}, {plan['rounds']} rounds of "
        f"{plan['seconds']:g} seconds unless another time is named. {stated}."
    )


def _processes(part: dict[str, Any]) -> str:
    lines = ["PNG, small CNN, 64 connections. The server has both cores and shares them with the load generator."]
    lines += ["", "| processes | images per second | images per CPU second | p50 ms | p99 ms | memory MiB |"]
    lines += ["|---|---|---|---|---|---|"]
    for count, row in part["medians"].items():
        speed = f"{row['images_per_second']:,.0f} | {row['images_per_cpu_second']:,.0f}"
        lines.append(f"| {count} | {speed} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['memory_mb']:.0f} |")
    return "\n".join([*lines, "", f"Two processes answer {part['two_over_one']:.2f} times as much as one."])


def _boxes(part: dict[str, Any]) -> str:
    lines = ["PNG, small CNN, 64 connections, each box a file and a session of its own, all in memory.", ""]
    lines += ["![Throughput over boxes and processes](images/serving_scale.png)"]
    for popularity in POPULARITIES:
        lines += ["", f"Asked: {_POPULARITY[popularity]}.", ""]
        lines += ["| boxes | images per CPU second | images in a batch | p50 ms | p99 ms | memory MiB |"]
        lines += ["|---|---|---|---|---|---|"]
        for count, row in part["medians"][popularity].items():
            speed = f"{row['images_per_cpu_second']:,.0f} ({row['lowest']:,.0f} to {row['highest']:,.0f})"
            rest = f"{row['batch']:.1f} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {part['memory_mb'][count]}"
            lines.append(f"| {count} | {speed} | {rest} |")
    return "\n".join(lines)


def _memory(part: dict[str, Any]) -> str:
    return (
        f"{part['boxes']} boxes of {part['onnx_mb_each']:.1f} MiB, {part['onnx_mb_all']:,} MiB in all, over a cache of "
        f"{part['cache_mb']:,} MiB; 64 connections for {part['seconds']:g} seconds, the k-th box in "
        "proportion to 1/k. Labels and logits of every answer are compared with ONNX Runtime's own.\n\n"
        "| | |\n|---|---|\n"
        f"| answers, of them wrong | {part['requests']:,}, {part['wrong_answers']} |\n"
        f"| hit rate | {100 * part['hit_rate']:.1f}% |\n"
        f"| loads; of an LRU that is asked the same | {part['loads']:,}; {part['loads_of_an_lru']:,} |\n"
        f"| most loads of a cold box that {part['asks_of_a_herd']} ask at once, of {part['herds']} boxes | "
        f"{part['most_loads_of_a_herd']} |\n"
        f"| images per CPU second | {part['images_per_cpu_second']:,.0f} |\n"
        f"| p50, p99 | {part['p50_ms']:.0f} ms, {part['p99_ms']:.0f} ms |\n"
        f"| most memory of the process; what its loaded boxes take, about | {part['peak_memory_mb']:,} MiB; "
        f"{part['loaded_mb']:,} MiB |\n\n"
        f"Resident memory over the time, MiB: {', '.join(f'{value:,}' for value in part['memory_mb'])}."
        + _STOPPED
        * part["is_stopped"]
    )


def _rest(part: dict[str, Any]) -> str:
    return (
        f"A server that nobody asks took {part['cpu_percent']:.2f}% of one core over {part['seconds']:g} seconds. Its "
        f"resident memory was {part['memory_mb']} MiB before any box, and {part['memory_after_load_mb']} MiB after "
        f"load on one box of {part['session_mb']:g} MiB."
    )


def _malformed(part: dict[str, Any]) -> str:
    lines = [f"One connection sends {part['bodies']:,} bodies that are no images, as fast as it is answered."]
    lines += [
        "",
        "| neighbours | p99 ms alone | p99 ms beside them | ratio | malformed per second |",
        "|---|---|---|---|---|",
    ]
    for case in (value for name, value in part.items() if name.startswith("c") and name[1:].isdigit()):
        alone, beside = case["alone"], case["beside"]
        shown = f"{alone['p99_ms']:.1f} | {beside['p99_ms']:.1f} | {case['p99_ratio']:.2f}"
        lines.append(f"| {beside['neighbours']:.0f} | {shown} | {beside['malformed_per_second']:.0f} |")
    return "\n".join(lines)


_PARTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "processes": ("## Over processes", _processes),
    "boxes": ("## Over boxes", _boxes),
    "memory": ("## More boxes than memory", _memory),
    "rest": ("## At rest", _rest),
    "malformed": ("## Beside malformed requests", _malformed),
}
