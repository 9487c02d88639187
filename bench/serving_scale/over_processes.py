"""Throughput over server processes.

The server has both cores and shares them with the load generator, which sleeps between answers here and takes about a
tenth of what the server does. Wall time is told by the clock, so that whatever else runs on the machine slows it.
"""

import os

from bench.load import Request
from bench.pictures import as_png, pictures
from bench.rows import Row, asked_row, median_row
from bench.servers.process import Served
from bench.servers.sdb import prepare
from bench.serving_scale.boxes import with_digest
from bench.serving_scale.plan import CLIENT, CONNECTIONS, SERVER, Room

COUNTS = (1, 2)


def measured(room: Room) -> Row:
    """Rows and medians by the number of processes, PNG at 64 connections."""
    cores = {SERVER, CLIENT}
    prepared = prepare(room.folder, [with_digest(room.small)])
    request = Request(f"/v1/boxes/{prepared.box_ids[0]}/predict", [as_png(one) for one in pictures(64)], "image/png")
    running: dict[int, Served] = {}
    before = os.sched_getaffinity(0)
    try:
        for count in COUNTS:
            running[count] = prepared.start(cores=sorted(cores), processes=count)
        os.sched_setaffinity(0, cores)
        rows: list[Row] = []
        for turn in range(room.plan.rounds + 1):  # the first warms up
            for count, served in running.items():
                row = asked_row(served, request, seconds=room.plan.seconds, connections=CONNECTIONS, is_polling=False)
                rows += [{"processes": count, "round": turn, **row}] if turn else []
    finally:
        os.sched_setaffinity(0, before)
        for served in running.values():
            served.stop()
    medians = {count: median_row([row for row in rows if row["processes"] == count]) for count in COUNTS}
    one, two = (medians[count]["images_per_second"] for count in COUNTS)
    return {"rows": rows, "medians": medians, "two_over_one": round(two / one, 3)}
