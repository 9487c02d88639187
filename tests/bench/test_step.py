"""The step's benchmark: what the floor and the authors' step compute, whose the ratios are, and what is refused."""

import argparse
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench import step
from bench.authors_step import ETA, LAMBDA, OMEGA, TEMPERATURE, AuthorsStep
from bench.contestants import Floor
from bench.paced import Paced

SMALL = ["--net", "sdb:cnn-small", "--batch", "4", "--size", "8", "--images", "8", "--rounds", "2", "--warm", "0"]


class Heard(nn.Linear):
    """A net that remembers how many images it was asked about, and whether a gradient was kept."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.asked: list[tuple[int, bool]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x.flatten(1))
        self.asked.append((len(x), logits.requires_grad))
        return logits


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark
    yield
    torch.set_num_threads(before[0])
    torch.backends.cudnn.benchmark = before[1]


def test_the_floor_is_eight_forwards_of_the_batch(monkeypatch):
    nets = [Heard() for _ in range(3)]
    monkeypatch.setattr("bench.contestants._nets", lambda given: nets)
    given = argparse.Namespace(batch=5, size=1, classes=3, device="cpu", precision="float32", compile=False)
    nets[0].weight.grad = torch.full_like(nets[0].weight, 7.0)
    monkeypatch.setattr(torch, "randn", lambda *_, generator: torch.ones((10, 4, 1, 1)))
    floor = Floor(given)
    floor()
    assert [net.asked for net in nets] == [[(10, True)], [(5, False)], [(5, False)]]  # 2 and 4 backward, 1, 1
    assert torch.allclose(nets[0].weight.grad, torch.full((3, 4), 2.0))  # of this step alone
    assert nets[1].weight.grad is None


def test_a_policy_that_sees_more_inputs_has_a_floor_of_its_own(tmp_path):
    step.main([*SMALL, "--only", "hardened", "--json", str(tmp_path / "step.json")])
    [row] = json.loads((tmp_path / "step.json").read_text())
    assert set(row["ratios"]) == {"hardened / floor", "floor of hardened / floor", "hardened / floor of hardened"}


def test_the_floor_of_more_inputs_asks_the_original_of_more(monkeypatch):
    nets = [Heard() for _ in range(3)]
    monkeypatch.setattr("bench.contestants._nets", lambda given: nets)
    given = argparse.Namespace(batch=4, size=1, classes=3, device="cpu", precision="float32", compile=False)
    monkeypatch.setattr(torch, "randn", lambda rows, *_, generator: torch.ones((rows, 4, 1, 1)))
    Floor(given, 4.0, (2,))()
    assert [net.asked for net in nets] == [[(16, True)], [(8, False)], []]


def test_the_authors_step_moves_the_weights_as_their_formula_says():
    """A second writing, slower, of the loss in their `train_smb.py`."""
    torch.manual_seed(0)
    box, original, twin = (nn.Sequential(nn.Flatten(), nn.Linear(4, 3)) for _ in range(3))
    images = torch.randint(0, 256, (6, 1, 2, 2), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    weight = box[1].weight.detach().clone()
    taken = AuthorsStep([box, original, twin], images, labels, batch=6)
    loss = _authors_loss(box, original(taken.x).detach(), twin(taken.x).detach(), taken, labels)
    (slope,) = torch.autograd.grad(loss, [box[1].weight])
    taken()
    rate = taken.optimiser.param_groups[0]["lr"]
    assert torch.allclose(box[1].weight, weight - rate * (slope + 5e-4 * weight), rtol=0, atol=2e-7)
    assert not torch.allclose(box[1].weight, weight, rtol=0, atol=1e-5)


def _authors_loss(box, known, unknown, taken, labels):
    closed = box(taken.x)
    opened = box(LAMBDA * taken.x + (1 - LAMBDA) * taken.kappa)
    p, q = F.softmax(closed / TEMPERATURE, dim=1), F.softmax(known / TEMPERATURE, dim=1)
    far = (p * (p.log() - q.log())).sum() / len(labels) * TEMPERATURE**2
    p, q = F.softmax(closed, dim=1), F.softmax(opened.detach(), dim=1)
    near = (p * (p.log() - q.log())).sum() / len(labels)
    main = (F.softmax(known / TEMPERATURE, dim=1) - F.softmax(opened / TEMPERATURE, dim=1)).pow(2).sum()
    rest = 0.01 * (known.relu() - opened.relu()).pow(2).sum() - (unknown.relu() - opened.relu()).pow(2).sum()
    right = -2 * F.log_softmax(closed, dim=1)[range(6), labels].mean()
    right = right - F.log_softmax(opened, dim=1)[range(6), labels].mean()
    return right - OMEGA * (far - near) + main - ETA * rest


def test_one_configuration_is_measured_and_kept_in_the_place_of_an_older_one(tmp_path, capsys):
    kept = tmp_path / "step.json"
    for _ in range(2):
        step.main([*SMALL, "--only", "sdb", "authors", "--json", str(kept)])
    [row] = json.loads(kept.read_text())
    assert set(row["milliseconds"]) == {"floor", "sdb", "authors"}
    assert set(row["ratios"]) == {"sdb / floor", "authors / floor", "authors / sdb"}
    assert (row["batch"], row["clock"]) == (4, "processor time")
    assert json.loads(capsys.readouterr().out.split("\n}\n")[0] + "}").keys() == row.keys()


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds():
    found = step._ratios({"floor": [1.0, 2.0, 4.0], "sdb": [2.0, 2.0, 12.0], "authors": [3.0, 6.0, 4.0]})
    assert found["sdb / floor"] == {"median": 2.0, "quartiles": [1.5, 2.5]}
    assert found["authors / sdb"]["median"] == 1.5


WRONG = {
    "a stranger": (["--only", "sbd"], "nobody is called sbd; choose of sdb, sdb cached"),
    "one round": (["--rounds", "1"], "two rounds"),
    "no step": (["--steps", "0"], "one step"),
    "more than there is": (["--batch", "9"], "the 8 images that there are"),
    "no GPU": (["--device", "cuda"], "take cpu"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_measured_is_refused_with_the_cure(wrong, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments, cure = WRONG[wrong]
    with pytest.raises(SystemExit) as ended:
        step.main([*SMALL, *arguments])
    assert ended.value.code == 2
    assert cure in capsys.readouterr().err


def test_a_net_that_does_not_exist_is_refused_with_its_near_names():
    with pytest.raises(SystemExit, match=r"unknown_architecture: .*sdb:cnn"):
        step.main([*SMALL, "--net", "sdb:cmn"])


def test_a_paced_run_takes_the_steps_it_is_told_to_and_none_for_0():
    paced, taken = Paced(), []

    def work():
        while not paced.should_stop() and len(taken) < 9:
            taken.append(len(taken))

    paced.start(work)
    for steps in (0, 3, 0):
        paced(steps)
    assert taken == [0, 1, 2]


def test_an_error_of_a_paced_run_is_raised_where_it_is_paced():
    def work():
        paced.should_stop()
        raise ValueError("so")

    paced = Paced()
    paced.start(work)
    with pytest.raises(ValueError, match="so"):
        paced(1)
