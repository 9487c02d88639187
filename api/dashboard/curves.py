"""Loss curves as pages draw them: by stage and name, at most so many points that a browser stays quick."""

from collections.abc import Iterable
from typing import Any, TypedDict

from sdb_service.tables import JobEvent

MOST_POINTS = 400


class Curve(TypedDict):
    """One line of a chart."""

    steps: list[int]
    values: list[float]


def curves(events: Iterable[JobEvent]) -> dict[str, dict[str, Curve]]:
    """{stage: {name: curve}} of a job's `metrics` events.

    A resumed attempt repeats steps it had not saved; its values replace those of the attempt before.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for event in events:
        for name, value in _values(event.data).items():
            found.setdefault(str(event.data.get("stage", "training")), {}).setdefault(name, {})[
                int(event.data.get("step", 0))
            ] = value
    return {stage: {name: _thinned(points) for name, points in lines.items()} for stage, lines in found.items()}


def _values(data: dict[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in (data.get("values") or {}).items() if value is not None}


def _thinned(points: dict[int, float]) -> Curve:
    steps = sorted(points)
    if len(steps) > MOST_POINTS:
        stride = -(-len(steps) // MOST_POINTS)
        steps = sorted({*steps[::stride], steps[-1]})
    return {"steps": steps, "values": [points[step] for step in steps]}
