"""Two processes that `torchrun` starts learn what one learns, stop together, and fail together."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sdb_core.checkpoints import save_weights
from sdb_core.nets import Architecture
from sdb_core.training import Run, Team
from tests.core.together import BOXES, SETTINGS, batch_norm_net, box_of, learn, plain_net

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """The folder in which two processes have left what they learned, and what they printed."""
    folder = tmp_path_factory.mktemp("together")
    save_weights(Architecture("sdb:cnn-mini", 10, 1, 8, 8).build(), folder / "model.safetensors")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    loopback = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [*launcher, "tests/core/together.py", str(folder)],
        cwd=ROOT,
        env={**os.environ, **loopback},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    (folder / "stdout").write_text(told.stdout)
    (folder / "stderr").write_text(told.stderr)
    return folder


def said(folder: Path, rank: int) -> dict:
    return json.loads((folder / f"{rank}.json").read_text())


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / f"{name}.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a | b)


def near(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(a[name], b[name], atol=1e-5) for name in a | b)


def test_two_processes_learn_what_one_learns(together):
    alone = learn(plain_net(), Run("t", 1)).state_dict()
    assert said(together, 1)["size"] == 2
    assert near(weights(together, "plain-0"), alone)
    assert not near(plain_net().state_dict(), alone)


def test_both_processes_end_with_the_same_net_running_statistics_included(together):
    assert same(weights(together, "plain-0"), weights(together, "plain-1"))
    assert same(weights(together, "norm-0"), weights(together, "norm-1"))


def test_batch_norm_sees_each_process_part_as_it_sees_micro_batches(together):
    names = [name for name, _ in batch_norm_net().named_parameters()]
    cut = learn(batch_norm_net(), Run("t", 1), dataclasses.replace(SETTINGS, accumulate=2)).state_dict()
    whole = learn(batch_norm_net(), Run("t", 1)).state_dict()
    found = weights(together, "norm-0")
    assert near({name: found[name] for name in names}, {name: cut[name] for name in names})
    assert not near({name: found[name] for name in names}, {name: whole[name] for name in names})


@pytest.mark.parametrize("name", BOXES)
def test_two_processes_make_the_very_box_that_one_makes_of_two_micro_batches(together, name):
    cut = box_of(name, Team(), accumulate=2)
    found = weights(together, f"box-{name}-0")
    assert same(found, weights(together, f"box-{name}-1"))
    learned = [name for name, _ in cut.named_parameters()]
    assert all(torch.allclose(found[name], cut.state_dict()[name], atol=1e-6) for name in learned)


def test_without_batch_norm_and_draws_two_processes_make_the_box_that_one_makes_of_whole_batches(together):
    found, whole = weights(together, "box-sdb-plain-0"), box_of("sdb-plain", Team()).state_dict()
    assert near(found, whole)
    assert not near(weights(together, "box-sdb-0"), box_of("sdb", Team()).state_dict())


def test_the_leader_alone_writes_and_tells(together):
    assert "0.pt" in said(together, 0)["heard"]
    assert "step 0" in said(together, 0)["heard"]
    assert said(together, 1)["heard"] == []
    assert not (together / "1.pt").exists()


def test_the_leaders_wish_stops_both_and_both_go_on_from_its_state(together):
    assert "step 7 of 24" in said(together, 0)["stopped"]
    assert said(together, 1)["stopped"] == said(together, 0)["stopped"]
    assert said(together, 0)["steps"] == 24
    assert same(weights(together, "resumed-0"), weights(together, "plain-0"))
    assert same(weights(together, "resumed-1"), weights(together, "plain-0"))


def test_a_loss_that_diverges_in_one_process_ends_both_and_leaves_no_state(together):
    assert [said(together, rank)["diverged"] for rank in (0, 1)] == ["training_diverged False"] * 2


def test_the_command_wraps_in_two_processes_and_answers_once(together):
    assert [said(together, rank)["wrap"] for rank in (0, 1)] == [0, 0]
    assert json.loads((together / "stdout").read_text())["box"] == str(together / "box")
    found = sorted(path.name for path in (together / "box").iterdir())
    assert found == ["box.safetensors", "history.json", "key.safetensors"]


def test_a_command_for_one_process_is_refused_in_two(together):
    assert [said(together, rank)["evaluate"] for rank in (0, 1)] == [1, 1]
    assert (together / "stderr").read_text().count("torchrun is for train, wrap and distill") == 1
