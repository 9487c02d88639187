"""The measurements of scale, each in small, and what they call a wrong answer and a load too many."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

from bench.load import Outcome
from bench.serving_scale.__main__ import PARTS, measured
from bench.serving_scale.boxes import copies, drawn, wide_network
from bench.serving_scale.over_memory import lru_loads, wrong_answers
from bench.serving_scale.page import scale_sections
from bench.serving_scale.picture import picture
from bench.serving_scale.plan import Plan

WIDE = len(wide_network(0, hidden=8))
SMALL = Plan(
    seconds=0.2,
    rounds=1,
    box_counts=(1, 3),
    many_boxes=6,
    many_hidden=8,
    cache_bytes=WIDE * 5 // 2,
    many_seconds=0.5,
    herds=3,
    settle_seconds=0.2,
    idle_seconds=0.5,
    malformed=22,
    malformed_rounds=1,
)


@pytest.fixture(scope="module")
def found():
    """Every part in small, as the file holds it; in a thread, since the main one may have an event loop already."""
    net = wide_network(0, hidden=4)
    with ThreadPoolExecutor(1) as thread:
        parts = {part: thread.submit(measured, part, SMALL, net).result() for part in PARTS}
    return json.loads(json.dumps(parts))


def test_every_part_says_with_what_it_was_measured(found):
    for part in found.values():
        assert part["plan"]["seed"] == 0
        assert part["machine"]["cores"] > 0
        assert part["versions"]["onnxruntime"] == ort.__version__


def test_more_boxes_than_memory_are_answered_rightly_and_loaded_once(found):
    part = found["memory"]
    assert part["wrong_answers"] == 0
    assert part["requests"] > 64
    assert part["most_loads_of_a_herd"] == 1
    assert 3 <= part["loads"] < part["requests"]
    assert 0 < part["hit_rate"] < 1
    assert len(part["memory_mb"]) == 10
    assert not part["is_stopped"]
    assert part["peak_memory_mb"] >= max(part["memory_mb"]) > 50


def test_a_server_that_takes_too_much_memory_ends_the_run():
    plan = replace(SMALL, most_memory_mb=1)
    with ThreadPoolExecutor(1) as thread:
        part = thread.submit(measured, "memory", plan, b"").result()
    assert part["is_stopped"]
    assert len(part["memory_mb"]) == 1
    assert part["wrong_answers"] == 0


def test_boxes_and_processes_are_measured_by_their_number(found):
    assert set(found["processes"]["medians"]) == {"1", "2"}
    assert found["processes"]["two_over_one"] > 0
    for rows in found["boxes"]["medians"].values():
        assert set(rows) == {"1", "3"}
        assert all(1 <= row["batch"] <= 32 and row["requests"] > 0 for row in rows.values())
    assert set(found["boxes"]["memory_mb"]) == {"1", "3"}


def test_neighbours_are_measured_beside_bodies_that_are_all_refused(found):
    part = found["malformed"]
    assert part["bodies"] == 22
    for case in (part["c8"], part["c64"]):
        assert case["p99_ratio"] == pytest.approx(case["beside"]["p99_ms"] / case["alone"]["p99_ms"], abs=0.001)
        assert case["beside"]["malformed_per_second"] > 0


def test_rest_is_told_in_percent_and_mebibytes(found):
    part = found["rest"]
    assert 0 <= part["cpu_percent"] <= 100
    assert 50 < part["memory_mb"] <= part["memory_after_load_mb"]


def test_the_page_and_the_picture_hold_what_was_measured(found):
    page = scale_sections(found)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Over processes",
        "## Over boxes",
        "## More boxes than memory",
        "## At rest",
        "## Beside malformed requests",
    ]
    assert f"| answers, of them wrong | {found['memory']['requests']:,}, 0 |" in page
    assert f"took {found['rest']['cpu_percent']:.2f}% of one core" in page
    assert page.count(f"seed 0, {SMALL.rounds} rounds") == 1
    assert "## Over boxes" not in scale_sections({"rest": found["rest"]})
    stopped = scale_sections({"memory": found["memory"] | {"is_stopped": True}})
    assert "stopped here" in stopped
    assert "stopped here" not in page
    drawn_axes = picture(found).figure.axes
    assert list(drawn_axes[0].lines[0].get_xdata()) == [1, 3]
    assert len(drawn_axes[3].patches) == 4
    assert picture(found).png().startswith(b"\x89PNG")


def test_an_lru_loads_what_it_does_not_hold():
    assert lru_loads([0, 1, 0, 2, 1, 0], room=2) == 5
    assert lru_loads([0, 1, 0, 2, 1, 0], room=3) == 3


def test_the_answer_of_another_box_or_to_another_picture_is_wrong():
    def answer(logits):
        body = {"labels": [int(logits.argmax())], "predictions": [{"logits": logits.tolist()}]}
        return b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(body).encode()

    expected = list(np.random.default_rng(0).normal(size=(2, 2, 10)).astype(np.float32))
    asks = [(0, 0), (0, 1), (1, 0)]

    def outcome(*numbers):
        return Outcome([], {}, 1.0, b"", [(number, answer(expected[0][0])) for number in numbers])

    assert wrong_answers(outcome(0, 0), asks, expected) == 0
    assert wrong_answers(outcome(0, 1, 2), asks, expected) == 2


def test_a_label_that_is_not_of_the_largest_logit_is_wrong():
    logits = np.arange(10, dtype=np.float32)
    body = {"labels": [3], "predictions": [{"logits": logits.tolist()}]}
    found = Outcome([], {}, 1.0, b"", [(0, b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(body).encode())])
    assert wrong_answers(found, [(0, 0)], [logits[None]]) == 1


def test_copies_are_files_of_their_own_that_answer_alike():
    batch = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    contents, digests = zip(*copies(wide_network(0, hidden=4), 3), strict=True)
    assert len(set(digests)) == 3
    answers = [ort.InferenceSession(content).run(None, {"input": batch})[0] for content in contents]
    assert all(np.array_equal(answers[0], other) for other in answers)


def test_wide_networks_answer_by_their_seed():
    batch = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    first, other = (
        ort.InferenceSession(wide_network(seed, hidden=4)).run(None, {"input": batch})[0] for seed in (0, 1)
    )
    assert first.shape == (2, 10)
    assert not np.allclose(first, other)


def test_boxes_are_asked_alike_or_by_their_rank():
    uniform, zipf = (
        np.bincount([box for box, _ in drawn(100, 64, popularity, seed=0)], minlength=100)
        for popularity in ("uniform", "zipf")
    )
    assert uniform.max() - uniform.min() <= 1
    assert zipf[0] == pytest.approx(2 * zipf[1], rel=0.2)
    assert zipf[0] > 20 * zipf[90:].mean()
