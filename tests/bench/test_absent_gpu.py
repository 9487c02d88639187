"""The scripts for a GPU run to their end on one. None is there: `tests/absent_gpu.py` says what that can show."""

import json
from pathlib import Path

import pytest
import torch

from bench import step
from bench.contestants import FLOORS
from bench.paper_tables.__main__ import main
from bench.paper_tables.chosen import SCALES
from tests.absent_gpu import absent_gpu
from tests.bench.test_paper_tables import MINIATURE
from tests.bench.test_step import SMALL


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark
    yield
    torch.set_num_threads(before[0])
    torch.backends.cudnn.benchmark = before[1]


def test_the_papers_tables_have_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCALES, "smoke", MINIATURE)
    line = ["--tables", "3,6", "--device", "cuda", "--out", str(tmp_path), "--state", str(tmp_path / "state")]
    with absent_gpu():
        assert main(line) == 0
    found = json.loads((tmp_path / "paper_tables_smoke.json").read_text())
    assert found["devices"] == ["a GPU that is not there"]


def test_every_contestant_takes_its_steps(tmp_path: Path) -> None:
    with absent_gpu():
        step.main([*SMALL, "--device", "cuda", "--precision", "bfloat16", "--json", str(tmp_path / "step.json")])
    [row] = json.loads((tmp_path / "step.json").read_text())
    assert (row["device"], row["clock"]) == ("a GPU that is not there", "wall clock")
    assert set(row["milliseconds"]) == {*FLOORS, *step.OURS, "authors", "authors in bfloat16"}
    assert set(row["waits_in_20_steps"]) == set(row["milliseconds"])
