"""What a measurement of a server is written down as: a row of numbers, the median of several, and the machine."""

import os
import platform
import statistics
from pathlib import Path
from typing import Any

from bench.load import Asks, Outcome, ask_for
from bench.servers.process import Served

Row = dict[str, Any]


def asked_row(
    served: Served,
    request: Asks,
    *,
    seconds: float,
    connections: int,
    images: int = 1,
    is_polling: bool = True,
    name: str = "the server",
) -> Row:
    """Ask a server for so long; `images` are in each request.

    Raises:
        RuntimeError: an answer was not 200.
    """
    before = served.cpu_seconds()
    found = ask_for(seconds, request, port=served.port, connections=connections, is_polling=is_polling)
    cpu = served.cpu_seconds() - before
    require_good(found, name)
    return {
        "images_per_cpu_second": round(len(found.latencies) * images / max(cpu, 0.01), 1),
        "images_per_second": round(len(found.latencies) * images / found.seconds, 1),
        **latency_row(found.latencies),
        "requests": len(found.latencies),
        "memory_mb": round(served.memory_bytes() / 2**20),
    }


def require_good(found: Outcome, name: str) -> None:
    """Refuse to count anything but answers.

    Raises:
        RuntimeError: there are others, or none at all.
    """
    if set(found.statuses) != {200}:
        raise RuntimeError(f"{name}: answers {found.statuses}: {found.example[:600]!r}")


def latency_row(latencies: list[float]) -> Row:
    """Median and 99th percentile in milliseconds, of seconds."""
    ordered = sorted(latencies)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return {"p50_ms": round(1000 * statistics.median(ordered), 3), "p99_ms": round(1000 * p99, 3)}


def median_row(rows: list[Row], *, speed: str = "images_per_cpu_second") -> Row:
    """The median of every number over the rounds, with the lowest and highest `speed`."""
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float) and name != "round"]
    median: Row = {name: round(statistics.median(row[name] for row in rows), 3) for name in numbers}
    speeds = [row[speed] for row in rows]
    return median | {"lowest": min(speeds), "highest": max(speeds)}


def machine() -> Row:
    """What it was measured on."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
