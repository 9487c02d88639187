"""What a server says of itself: `/metrics`, and the most memory it has had."""

import re
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from bench.servers.process import Served


def counters(served: Served) -> dict[str, float]:
    """Every number of `/metrics`; one with labels has their values behind its name."""
    with urlopen(f"http://127.0.0.1:{served.port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def loads(counted: dict[str, float]) -> int:
    """How often a box was read from the store."""
    return int(counted["sdb_box_lookups_total no"])


def mean_batch(before: dict[str, float], after: dict[str, float]) -> float:
    """Images in a batch between two readings."""
    images, batches = (after[name] - before[name] for name in ("sdb_batch_images_sum", "sdb_batch_images_count"))
    return round(images / max(batches, 1), 2)


def peak_mb(served: Served) -> int:
    """The most resident memory of the server's first process, MiB."""
    status = Path(f"/proc/{served.child.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return round(int(found[1]) / 1024) if found else 0
