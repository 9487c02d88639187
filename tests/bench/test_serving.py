"""The benchmark of predictions: what its ratios are of, and that what it times answers rightly."""

import hashlib
import json
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest

from api.bodies.npy import read_npy
from bench import serving
from bench.load import Outcome, Request, ask_for
from bench.pictures import as_npy, as_png, pictures
from bench.servers import ceiling, torchserve_handler
from bench.servers.networks import MEAN, STD, write_onnx
from bench.servers.peers import versions
from bench.servers.process import has_module
from bench.servers.sdb import KAPPA, LAMBDA, prepare
from bench.serving_scale.boxes import wide_network
from tests.house.tree import ROOT


def row(contender: str, workload: str, speed: float, *, turn: int = 1, p50: float = 1.0, p99: float = 2.0) -> dict:
    numbers = {"images_per_cpu_second": speed, "p50_ms": p50, "p99_ms": p99}
    return {"contender": contender, "workload": workload, "round": turn, **numbers}


def asked(request: Request, port: int, *, seconds: float) -> Outcome:
    """In a thread of its own: the main one may have an event loop already, Playwright's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask_for, seconds, request, port=port, connections=3).result()


def test_ratios_are_of_medians_over_the_rounds():
    rows = [row("sdb", "png_c64", speed, turn=turn, p50=10, p99=25) for turn, speed in enumerate((100, 600, 500))]
    rows += [row("onnxruntime", "ceiling", speed, turn=turn) for turn, speed in enumerate((1000, 1, 2000))]
    rows += [row("torch", "ceiling", 9000), row("naive", "png_c64", 100), row("litserve", "png_c64", 50)]
    rows += [row("sdb", "png_c1", 1, p50=0.5), row("onnxruntime", "ceiling_one", 1, p50=0.125)]

    found = serving.ratios(rows)

    assert found["png_c64_vs_ceiling"] == 0.5
    assert found["png_c64_vs_best_peer"] == 5.0
    assert found["png_c64_vs_litserve"] == 10.0
    assert found["png_c1_overhead_ms"] == 0.375
    assert found["png_c64_p99_over_p50"] == 2.5


def test_what_was_not_measured_has_no_ratio():
    found = serving.ratios([row("sdb", "png_c64", 5), row("onnxruntime", "ceiling", 10)])

    promised = {"png_c64_vs_ceiling", "png_c64_vs_best_peer", "png_c64_vs_litserve", "png_c1_overhead_ms"}
    promised |= {"npy256_vs_ceiling", "distill256_vs_ceiling", "resnet18_c64_vs_ceiling"}
    assert set(found) >= promised
    assert {name for name in promised if found[name] is not None} == {"png_c64_vs_ceiling"}


def test_the_ceiling_is_the_batch_whose_median_is_best():
    rows = [row("onnxruntime", "ceiling", speed, turn=turn) | {"batch": 8} for turn, speed in enumerate((10, 90, 10))]
    rows += [row("onnxruntime", "ceiling", speed, turn=turn) | {"batch": 16} for turn, speed in enumerate((20, 5, 20))]

    found = serving.medians(rows)["ceiling"]["onnxruntime"]

    assert (found["batch"], found["images_per_cpu_second"]) == (16, 20)


@pytest.mark.parametrize("is_alone", [True, False])
def test_the_ceiling_is_measured_by_its_batch(tmp_path, is_alone):
    onnx = tmp_path / "net.onnx"
    onnx.write_bytes(wide_network(0, hidden=4))  # so small that a call costs more than an image
    with ThreadPoolExecutor(1) as thread:  # as `asked`
        one, many = (
            thread.submit(
                ceiling.measured, "onnxruntime", "none", onnx, batch, seconds=0.2, core=0, is_alone=is_alone
            ).result()
            for batch in (1, 64)
        )
    assert (one["batch"], many["batch"]) == (1, 64)
    assert many["images_per_cpu_second"] > 2 * one["images_per_cpu_second"] > 0
    assert 0 < many["p50_ms"] <= many["p99_ms"]


def test_torchserves_handler_answers_each_request_as_the_engine_does(tmp_path):
    write_onnx("sdb:cnn-small", tmp_path / "model.onnx")
    pixels = pictures(3)
    batch = (pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255) - MEAN) / STD
    expected = ort.InferenceSession((tmp_path / "model.onnx").read_bytes()).run(None, {"input": batch})[0]
    odds = np.exp(expected)
    context = SimpleNamespace(system_properties={"model_dir": str(tmp_path)})

    assert torchserve_handler.handle(None, context) is None  # that it is ready
    answers = torchserve_handler.handle([{"body": as_png(one)} for one in pixels], context)

    assert [answer["label"] for answer in answers] == expected.argmax(1).tolist()
    for answer, row in zip(answers, odds / odds.sum(1, keepdims=True), strict=True):
        shown = answer["probs"]
        assert len(shown) == 5
        np.testing.assert_allclose([one["prob"] for one in shown], sorted(row)[:-6:-1], atol=1e-5)
        assert shown[0]["label"] == answer["label"]


def test_the_peers_are_an_extra_and_in_no_lock():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["peers"]
    servers = {"litserve", "bentoml", "torchserve", "torch-model-archiver"}
    assert servers <= set(extra)
    locks = [ROOT / "requirements.lock", *(ROOT / "deploy").glob("*.lock")]
    assert len(locks) > 1
    assert [(lock.name, name) for lock in locks for name in servers if f"\n{name}==" in lock.read_text()] == []


def test_a_version_is_told_and_what_is_not_there_has_none():
    assert versions(sys.executable, ["numpy", "no-such-package"]) == {"numpy": np.__version__, "no-such-package": None}
    assert [has_module(sys.executable, name) for name in ("numpy", "no_such_package")] == [True, False]


def test_what_is_timed_answers_as_the_engine_does(tmp_path):
    onnx = tmp_path / "net.onnx"
    write_onnx("sdb:cnn-small", onnx)
    content = onnx.read_bytes()
    prepared = prepare(tmp_path / "sdb", [(content, hashlib.sha256(content).hexdigest())])
    pixels = pictures(40)
    batch = (pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255) - MEAN) / STD
    session = ort.InferenceSession(content)
    expected, of_open = (session.run(None, {"input": x})[0] for x in (batch, LAMBDA * batch + (1 - LAMBDA) * KAPPA))
    npy, signed = ("Accept", "application/x-npy"), ("Authorization", f"Bearer {prepared.token}")
    path = f"/v1/boxes/{prepared.box_ids[0]}"

    served = prepared.start(cores=[0])
    try:
        single = Request(f"{path}/predict", [as_png(pixels[0])], "image/png")
        whole = Request(f"{path}/predict?return=logits", [as_npy(pixels)], npy[1], (npy,))
        opened = Request(f"{path}/distill", [as_npy(pixels)], npy[1], (npy, signed))
        found = [asked(one, served.port, seconds=0.3) for one in (single, whole, opened)]
        assert served.cpu_seconds() > 0.1
        assert served.memory_bytes() > 50 * 2**20
    finally:
        served.stop()

    assert [set(one.statuses) for one in found] == [{200}] * 3
    assert [len(one.latencies) for one in found] == [sum(one.statuses.values()) for one in found]
    bodies = [one.example.partition(b"\r\n\r\n")[2] for one in found]
    assert json.loads(bodies[0])["labels"] == [int(expected[0].argmax())]
    np.testing.assert_allclose(read_npy(bodies[1]), expected, atol=1e-4)
    np.testing.assert_allclose(read_npy(bodies[2]), of_open, atol=1e-4)
    assert not np.allclose(expected, of_open, atol=1e-3)


def test_the_load_generator_tells_refusals_from_answers(tmp_path):
    prepared = prepare(tmp_path / "sdb", [])
    served = prepared.start(cores=[0])
    try:
        found = asked(Request("/v1/boxes/box_none/predict", [b"x"], "image/png"), served.port, seconds=0.2)
    finally:
        served.stop()

    assert set(found.statuses) == {404}
    assert found.latencies == []
