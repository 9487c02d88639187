"""How much is measured, and where."""

from dataclasses import dataclass
from pathlib import Path

SERVER, CLIENT = 0, 1  # cores
CONNECTIONS = 64


@dataclass(frozen=True)
class Plan:
    """The settings of a run; `seconds` is the length of each measurement."""

    seconds: float = 4.0
    rounds: int = 5
    seed: int = 0
    box_counts: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1000)
    many_boxes: int = 200  # that together are larger than the cache
    many_hidden: int = 640  # units of their hidden layer: 7.9 MB of weights
    cache_bytes: int = 2**30
    many_seconds: float = 30.0
    most_memory_mb: int = 6144  # of the server; with more, `memory` ends early
    herds: int = 20  # cold boxes that everybody asks at once
    settle_seconds: float = 2.0  # before rest, in which what was remembered is forgotten
    idle_seconds: float = 20.0
    malformed: int = 1000
    malformed_rounds: int = 3


QUICK = Plan(
    seconds=1.5,
    rounds=2,
    box_counts=(1, 10, 100, 1000),
    many_boxes=50,
    cache_bytes=2**28,
    many_seconds=8.0,
    herds=5,
    idle_seconds=5.0,
    malformed=300,
    malformed_rounds=1,
)


@dataclass(frozen=True)
class Room:
    """What a part is given: its settings, an empty folder, and the ONNX file of the small network."""

    plan: Plan
    folder: Path
    small: bytes
