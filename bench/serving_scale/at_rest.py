"""A server that nobody asks: what it takes of the processor and of memory."""

import time

from bench.load import Request
from bench.pictures import as_png, pictures
from bench.rows import Row, asked_row
from bench.servers.sdb import prepare
from bench.serving_scale.boxes import with_digest
from bench.serving_scale.plan import CONNECTIONS, SERVER, Room


def measured(room: Room) -> Row:
    """Processor time in percent of one core over the idle seconds after load; memory before any box and after it."""
    prepared = prepare(room.folder, [with_digest(room.small)])
    request = Request(f"/v1/boxes/{prepared.box_ids[0]}/predict", [as_png(one) for one in pictures(64)], "image/png")
    served = prepared.start(cores=[SERVER])
    try:
        time.sleep(room.plan.settle_seconds)
        fresh = served.memory_bytes()
        asked_row(served, request, seconds=room.plan.seconds, connections=CONNECTIONS)
        time.sleep(room.plan.settle_seconds)
        cpu, started = served.cpu_seconds(), time.perf_counter()
        time.sleep(room.plan.idle_seconds)
        cpu, seconds = served.cpu_seconds() - cpu, time.perf_counter() - started
        return {
            "seconds": round(seconds, 1),
            "cpu_percent": round(100 * cpu / seconds, 3),
            "memory_mb": round(fresh / 2**20),
            "memory_after_load_mb": round(served.memory_bytes() / 2**20),
            "session_mb": round(len(room.small) / 2**20, 2),
        }
    finally:
        served.stop()
