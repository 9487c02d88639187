"""More boxes than the cache holds: are the answers right, is each box loaded once when it is cold, what does it cost.

Every answer, labels and logits, is compared with ONNX Runtime's own for that box and picture. First all connections
ask a cold box at the same time, and another, and another: each must be read once. Then they ask all boxes, the k-th in
proportion to 1/k. How often a box had to be read then is known from an LRU of the same size that is asked the same
in the order of the answers: a herd would read more than that. Memory is looked at ten times, and the run ends where
it would be too much for the machine.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from api.predictions.sessions import memory_of
from bench.load import Asks, Outcome, Request, ask_for
from bench.pictures import as_png, pictures
from bench.rows import Row, latency_row, require_good
from bench.servers.networks import MEAN, STD
from bench.servers.process import Served
from bench.servers.sdb import Prepared, prepare
from bench.serving_scale.boxes import Ask, as_requests, drawn, wide_network, with_digest
from bench.serving_scale.counters import counters, loads, peak_mb
from bench.serving_scale.plan import CONNECTIONS, SERVER, Plan, Room

Logits = npt.NDArray[np.float32]  # [pictures, classes], of one box
_PICTURES = 64
_TOLERANCE = 1e-4
_SLICES = 10


def measured(room: Room) -> Row:
    """Wrong answers, loads, hit rate, latency and memory."""
    plan, expected = room.plan, list[Logits]()
    prepared = prepare(room.folder, _networks(plan, expected))
    each = len(wide_network(plan.seed, hidden=plan.many_hidden))
    served = prepared.start(cores=[SERVER], SDB_SESSION_CACHE_BYTES=str(plan.cache_bytes))
    try:
        found = _measured(served, prepared, plan, expected, room=plan.cache_bytes // memory_of(each))
    finally:
        served.stop()
    sizes = {"boxes": plan.many_boxes, "onnx_mb_each": round(each / 2**20, 2)}
    return sizes | {"onnx_mb_all": round(each * plan.many_boxes / 2**20), "cache_mb": plan.cache_bytes >> 20} | found


def lru_loads(asked: Sequence[int], *, room: int) -> int:
    """How often an LRU that holds `room` boxes of the same size loads one."""
    held: OrderedDict[int, None] = OrderedDict()
    loaded = 0
    for box in asked:
        loaded += box not in held
        held[box] = None
        held.move_to_end(box)
        if len(held) > room:
            held.popitem(last=False)
    return loaded


def wrong_answers(found: Outcome, asks: Sequence[Ask], expected: Sequence[Logits]) -> int:
    """How many answers are not those of their box to their picture.

    A label counts as wrong where another than the largest logit was named; logits may differ by 1e-4, for the engine
    rounds otherwise in another batch.
    """
    wrong = 0
    for number, whole in found.answers:
        box, picture = asks[number]
        body = json.loads(whole.partition(b"\r\n\r\n")[2])
        label, logits = body["labels"][0], body["predictions"][0]["logits"]
        right = expected[box][picture]
        is_close = np.abs(np.array(logits) - right).max() <= _TOLERANCE
        wrong += not (is_close and right.max() - right[label] <= _TOLERANCE)
    return wrong


def _networks(plan: Plan, expected: list[Logits]) -> Iterator[tuple[bytes, str]]:
    """The boxes one after the other, since all at once are large; what they answer is noted in `expected`."""
    pixels = pictures(_PICTURES).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    batch = (pixels - MEAN) / STD
    for number in range(plan.many_boxes):
        content = wide_network(plan.seed + number, hidden=plan.many_hidden)
        expected.append(ort.InferenceSession(content).run(None, {"input": batch})[0])
        yield with_digest(content)


def _measured(served: Served, prepared: Prepared, plan: Plan, expected: Sequence[Logits], *, room: int) -> Row:
    pngs = [as_png(one) for one in pictures(_PICTURES)]

    def address(box: int) -> str:
        return f"/v1/boxes/{prepared.box_ids[box]}/predict?return=labels,logits"

    cold = range(plan.many_boxes - plan.herds, plan.many_boxes)
    herds = [_herd(served, Request(address(box), pngs, "image/png"), box, expected) for box in cold]
    asks = drawn(plan.many_boxes, _PICTURES, "zipf", seed=plan.seed)
    before, cpu = loads(counters(served)), served.cpu_seconds()
    found, memory, is_stopped = _crowd(served, as_requests(asks, pngs, address), plan)
    after, cpu = counters(served), served.cpu_seconds() - cpu
    answered, loaded = len(found.answers), loads(after) - before
    order = [asks[number][0] for number, _ in found.answers]
    return {
        "herds": plan.herds,
        "asks_of_a_herd": CONNECTIONS,
        "most_loads_of_a_herd": max(read for read, _ in herds),
        "seconds": round(found.seconds, 1),
        "requests": answered,
        "wrong_answers": sum(wrong for _, wrong in herds) + wrong_answers(found, asks, expected),
        "loads": loaded,
        "loads_of_an_lru": lru_loads([*cold, *order], room=room) - plan.herds,
        "hit_rate": round(1 - loaded / answered, 4),
        "images_per_cpu_second": round(answered / cpu, 1),
        **latency_row(found.latencies),
        "loaded_mb": round(after["sdb_boxes_loaded_bytes"] / 2**20),
        "memory_mb": memory,
        "is_stopped": is_stopped,
        "peak_memory_mb": peak_mb(served),
    }


def _herd(served: Served, request: Request, box: int, expected: Sequence[Logits]) -> tuple[int, int]:
    """All connections ask one cold box at once: how often it was read, and how many answers were wrong."""
    before = loads(counters(served))
    found = ask_for(0, request, port=served.port, connections=CONNECTIONS, is_keeping=True)
    require_good(found, "the herd")
    wrong = wrong_answers(found, [(box, picture) for picture in range(_PICTURES)], expected)
    return loads(counters(served)) - before, wrong


def _crowd(served: Served, requests: Asks, plan: Plan) -> tuple[Outcome, list[int], bool]:
    """All boxes are asked, in slices; memory in MiB after each, and whether it was too much for the machine."""
    slices: list[Outcome] = []
    memory: list[int] = []
    while len(slices) < _SLICES and max(memory, default=0) <= plan.most_memory_mb:
        seconds = plan.many_seconds / _SLICES
        found = ask_for(seconds, requests, port=served.port, connections=CONNECTIONS, seed=len(slices), is_keeping=True)
        require_good(found, "the boxes")
        slices.append(found)
        memory.append(round(served.memory_bytes() / 2**20))
    whole = Outcome(
        latencies=[latency for one in slices for latency in one.latencies],
        statuses={200: sum(one.statuses[200] for one in slices)},
        seconds=sum(one.seconds for one in slices),
        example=slices[0].example,
        answers=[answer for one in slices for answer in one.answers],
    )
    return whole, memory, len(slices) < _SLICES
