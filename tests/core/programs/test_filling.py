"""Random weights for a program, read off its graph: for T0 and for students that start from nothing."""

import copy

import pytest
import torch
from torch import nn

from sdb_core.distillation import new_student
from sdb_core.nets import Architecture
from tests.core.programs.making import CLASSES, SHAPE, Tiny, exported, opened
from tests.core.programs.test_modes import Attentive

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def program(tiny, tmp_path_factory):
    return opened(exported(tiny), tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def attentive(tmp_path_factory):
    net = Attentive()
    net.second = net.head  # one weight under two names
    return net, opened(exported(net), tmp_path_factory.mktemp("program"))


def built(program, *, seed: int = 0) -> nn.Module:
    return new_student(Architecture("program", CLASSES, *SHAPE, source=program), seed=seed, device=CPU)


def test_random_weights_are_those_of_the_same_net_built_anew(program):
    for seed in (1, 2):
        torch.manual_seed(seed)
        anew = Tiny().state_dict()
        found = built(program, seed=seed).state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in anew.items())


def test_batch_norm_starts_as_the_identity_without_statistics(program):
    state = built(program).state_dict()
    for norm in ("norm", "deep.1"):
        assert (state[f"{norm}.weight"] == 1).all()
        assert (state[f"{norm}.running_var"] == 1).all()
        assert not any(state[f"{norm}.{zero}"].any() for zero in ("bias", "running_mean", "num_batches_tracked"))


def test_what_belongs_to_no_layer_is_filled_by_its_use_and_structure_stays(attentive):
    net, program = attentive
    state = built(program).state_dict()
    assert state["positions"].std() == pytest.approx(0.02, rel=0.5)
    assert (state["scale"] == 1).all()
    assert (state["norm.weight"] == 1).all()
    assert torch.equal(state["mask"], net.mask)
    assert torch.equal(built(program).unsaved, net.unsaved)


def test_tied_weights_stay_tied(attentive):
    _, program = attentive
    net = built(program)
    assert {"head.weight", "second.weight"} <= net.state_dict().keys()
    assert net.head.weight is net.second.weight
    other = copy.deepcopy(net)
    assert other.head.weight is other.second.weight


def test_a_program_learns_from_random_weights(program, splits, normalisation):
    from sdb_core.distillation import fit
    from sdb_core.evaluation import accuracy
    from sdb_core.settings import TrainingSettings
    from sdb_core.training import Run

    net = built(program)
    before = accuracy(net, splits.test, normalisation=normalisation)
    settings = TrainingSettings(epochs=10, batch_size=16, lr=0.01)
    fit(net, splits.train, normalisation=normalisation, settings=settings, run=Run("t", 0))
    assert accuracy(net, splits.test, normalisation=normalisation) > max(before, 80)
