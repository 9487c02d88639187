"""Throughput, batches, latency and memory over the number of boxes that 64 connections ask.

All boxes are the same small network under bytes of their own, so that each is a session and a queue of its own. The
first pass over the counts, from few to many, loads the boxes and shows the memory; the others are the rounds.
"""

from bench.pictures import as_png, pictures
from bench.rows import Row, asked_row, median_row
from bench.servers.process import Served
from bench.servers.sdb import Prepared, prepare
from bench.serving_scale.boxes import Popularity, as_requests, copies, drawn
from bench.serving_scale.counters import counters, mean_batch
from bench.serving_scale.plan import CONNECTIONS, SERVER, Room

POPULARITIES: tuple[Popularity, ...] = ("uniform", "zipf")
_PICTURES = 64
_WARM_UP = 0.3  # seconds, and 10 ms for each box


def measured(room: Room) -> Row:
    """Rows and medians by popularity and number of boxes, and memory by number of boxes."""
    prepared = prepare(room.folder, copies(room.small, max(room.plan.box_counts)))
    served = prepared.start(cores=[SERVER])
    try:
        memory = {count: _loaded(served, prepared, count) for count in room.plan.box_counts}
        rows = [
            {"round": turn, **_row(served, prepared, count, popularity, room)}
            for turn in range(1, room.plan.rounds + 1)
            for count in room.plan.box_counts
            for popularity in POPULARITIES
        ]
    finally:
        served.stop()
    medians = {
        popularity: {
            count: median_row([row for row in rows if (row["boxes"], row["popularity"]) == (count, popularity)])
            for count in room.plan.box_counts
        }
        for popularity in POPULARITIES
    }
    return {"rows": rows, "medians": medians, "memory_mb": memory}


def _loaded(served: Served, prepared: Prepared, count: int) -> int:
    """Ask all of the first `count` boxes, more than once; resident memory after it, MiB."""
    asks = drawn(count, _PICTURES, "uniform", seed=count)
    requests = as_requests(asks, _pngs(), lambda box: _address(prepared, box))
    asked_row(served, requests, seconds=_WARM_UP + count / 100, connections=CONNECTIONS)
    return round(served.memory_bytes() / 2**20)


def _row(served: Served, prepared: Prepared, count: int, popularity: Popularity, room: Room) -> Row:
    asks = drawn(count, _PICTURES, popularity, seed=room.plan.seed + count)
    requests = as_requests(asks, _pngs(), lambda box: _address(prepared, box))
    before = counters(served)
    row = asked_row(served, requests, seconds=room.plan.seconds, connections=CONNECTIONS)
    return {"boxes": count, "popularity": popularity, "batch": mean_batch(before, counters(served)), **row}


def _pngs() -> list[bytes]:
    return [as_png(one) for one in pictures(_PICTURES)]


def _address(prepared: Prepared, box: int) -> str:
    return f"/v1/boxes/{prepared.box_ids[box]}/predict"
