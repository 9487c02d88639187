"""The benchmarks of engines and of precision: who is compared with whom, and what is subtracted from what."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import engines
from bench.precision import OnnxNet, summary
from bench.servers.networks import network, write_onnx


def _busy(milliseconds: float, offset: float) -> engines.Engine:
    def engine(batch: engines.Batch) -> engines.Batch:
        started = time.process_time()
        while time.process_time() - started < milliseconds / 1000:
            pass
        return batch[:, :1, 0, 0] + np.float32(offset)

    return engine


def test_a_speed_is_held_against_onnxruntimes_in_float32_and_a_difference_too():
    contestants = {"slow": _busy(6, 0.5), engines.REFERENCE: _busy(3, 0.0), "fast": _busy(1, -0.25)}
    found = engines.compared(contestants, 4, rounds=3, seconds=0.02)["engines"]
    assert found[engines.REFERENCE]["speed"] == {"median": 1.0, "least": 1.0, "most": 1.0}
    assert found["slow"]["speed"]["median"] == pytest.approx(0.5, rel=0.3)
    assert found["fast"]["speed"]["median"] == pytest.approx(3.0, rel=0.3)
    assert found["slow"]["microseconds"]["median"] == pytest.approx(6000, rel=0.3)
    assert (found["slow"]["difference"], found["fast"]["difference"]) == (0.5, 0.25)


def test_a_change_is_int8_less_float32_within_a_seed():
    def row(closed: float, opened: float, student: float) -> dict:
        def value(mean: float) -> dict[str, float]:
            return {"mean": mean}

        accuracy = {
            "float32": {"closed": value(90.0), "open": value(80.0)},
            "int8": {"closed": value(closed), "open": value(opened)},
        }
        taught = {"scratch": 70.0, "closed float32": 60.0, "closed int8": student}
        taught |= {"open float32": 75.0, "open int8": 75.0}
        return {"serving": {"accuracy": accuracy}, "students": taught}

    found = summary([row(89.0, 80.5, 61.0), row(90.5, 80.0, 58.0)])
    assert found["change"] == {
        "box closed": [-1.0, 0.5],
        "box open": [0.5, 0.0],
        "student closed": [1.0, -2.0],
        "student open": [0.0, 0.0],
    }
    assert found["box"]["closed int8"]["mean"] == 89.75


def test_an_onnx_file_teaches_what_its_net_answers(tmp_path: Path):
    write_onnx("sdb:cnn-small", tmp_path / "net.onnx")
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network("sdb:cnn-small").eval()(x)
    torch.testing.assert_close(OnnxNet(tmp_path / "net.onnx")(x), wanted, atol=1e-5, rtol=1e-4)
