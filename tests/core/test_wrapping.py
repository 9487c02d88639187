"""Wrapping and distilling: the teacher stays as it was, the box keeps its answers, the key switches the streams."""

import copy
import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sdb_core.answers import logits_of
from sdb_core.distillation import distill, fit, new_student
from sdb_core.errors import BoxCollapsed, InvalidSettings, KeyShapeMismatch
from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.policies.decoys import choose_decoys
from sdb_core.policies.hardened import mixed
from sdb_core.policies.streams import closed_and_open
from sdb_core.settings import StudentSettings, TrainingSettings, WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap

CPU = torch.device("cpu")


@pytest.fixture
def original(splits, normalisation, architecture) -> nn.Module:
    net = new_student(architecture, seed=0, device=CPU)
    fit(
        net,
        splits.train,
        normalisation=normalisation,
        settings=TrainingSettings(epochs=8, batch_size=16),
        run=Run("t", 0),
    )
    return net


def wrapped(original, splits, key, architecture, *, policy="sdb-hardened", run=None, **values):
    settings = WrapSettings.for_policy(policy, {"epochs": 4, "min_steps": 0, "batch_size": 16, **values})
    run = run or Run("wrap", 3)
    return wrap(original, splits.train, key, policy=policy, settings=settings, architecture=architecture, run=run)


@pytest.mark.parametrize("policy", ["sdb-hardened", "sdb", "nasty", "ke", "nasty-ke"])
def test_the_original_is_frozen_in_eval_mode_and_unchanged(original, splits, key, architecture, policy):
    before = copy.deepcopy(original.state_dict())
    original.train()
    modes: list[bool] = []
    original.register_forward_hook(lambda net, *_: modes.append(net.training) if net is original else None)
    result = wrapped(original, splits, key, architecture, policy=policy)
    assert modes
    assert not any(modes)
    assert all(not parameter.requires_grad for parameter in original.parameters())
    assert all(torch.equal(value, before[name]) for name, value in original.state_dict().items())
    assert not result.net.training
    assert any(not torch.equal(value, before[name]) for name, value in result.net.state_dict().items())


def test_the_box_has_the_same_names_and_shapes_as_the_model(original, splits, key, architecture):
    box = wrapped(original, splits, key, architecture, epochs=1).net
    assert {name: value.shape for name, value in box.state_dict().items()} == {
        name: value.shape for name, value in original.state_dict().items()
    }


def test_the_box_answers_rightly_but_hides_what_the_original_would_teach(
    original, splits, key, architecture, normalisation
):
    box = wrapped(original, splits, key, architecture, epochs=12).net
    assert accuracy(box, splits.test, normalisation=normalisation) > 85
    teacher = F.softmax(logits_of(original, splits.test, normalisation=normalisation) / 4, dim=1)
    closed = F.softmax(logits_of(box, splits.test, normalisation=normalisation) / 4, dim=1)
    opened = F.softmax(logits_of(box, splits.test, normalisation=normalisation, key=key) / 4, dim=1)
    assert (opened - teacher).abs().sum(1).mean() < 0.5 * (closed - teacher).abs().sum(1).mean()


def test_wrapping_twice_with_one_seed_gives_one_box(original, splits, key, architecture):
    first = wrapped(original, splits, key, architecture, epochs=1).net
    second = wrapped(original, splits, key, architecture, epochs=1).net
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_normal_policy_hands_the_model_back(original, splits, key, architecture):
    box = wrapped(original, splits, key, architecture, policy="normal").net
    pairs = zip(original.state_dict().values(), box.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_history_names_every_part_of_the_loss(original, splits, key, architecture):
    hardened = wrapped(original, splits, key, architecture, epochs=1).history[0]
    assert {"closed_target", "closed_ce", "open_target", "open_ce", "loss"} <= hardened.keys()
    paper = wrapped(original, splits, key, architecture, epochs=1, policy="sdb").history[0]
    assert {"cls", "dis", "kp", "loss"} <= paper.keys()
    assert paper["loss"] == pytest.approx(paper["cls"] + paper["dis"] + paper["kp"], rel=1e-4)


def test_both_streams_pass_in_one_forward(architecture, key):
    net, calls = architecture.build(), []
    net.register_forward_hook(lambda _module, inputs, _out: calls.append(len(inputs[0])))
    x = torch.randn(4, 1, 8, 8)
    closed, opened = closed_and_open(net, x, key.embed(x))
    assert calls == [8]
    assert (closed.shape, opened.shape) == ((4, 3), (4, 3))


def test_mixing_keeps_the_larger_share_of_each_image():
    x = torch.eye(6).view(6, 1, 1, 6)
    found = mixed(x, most=0.5, generator=torch.Generator().manual_seed(0)).view(6, 6)
    assert (found.argmax(dim=1) == torch.arange(6)).all()
    assert torch.allclose(found.sum(dim=1), torch.ones(6))


def test_decoys_follow_the_originals_confusions_and_are_never_the_class_itself():
    confusions = torch.tensor([[0.8, 0.15, 0.05], [0.3, 0.6, 0.1], [0.02, 0.08, 0.9]])
    assert choose_decoys(confusions, "near").tolist() == [1, 0, 1]
    assert choose_decoys(confusions, "far").tolist() == [2, 2, 0]
    assert choose_decoys(confusions, "next").tolist() == [1, 2, 0]


@pytest.mark.parametrize("classes", [2, 3, 10, 40])
@pytest.mark.parametrize("seed", range(4))
def test_decoys_apart_are_each_class_once_and_as_unlikely_as_can_be(classes, seed):
    generator = torch.Generator().manual_seed(seed)
    confusions = torch.rand(classes, classes, generator=generator)
    decoys = choose_decoys(confusions, "apart")
    assert sorted(decoys.tolist()) == list(range(classes))
    assert (decoys != torch.arange(classes)).all()
    if classes <= 3:
        costs = confusions + confusions.T
        rows = torch.arange(classes)
        free = [p for p in itertools.permutations(range(classes)) if all(a != b for a, b in enumerate(p))]
        least = min(float(costs[rows, torch.tensor(p)].sum()) for p in free)
        assert float(costs[rows, decoys].sum()) == pytest.approx(least)


def test_a_key_of_another_shape_is_refused(original, splits, architecture, key):
    wrong = Key(torch.zeros(1, 9, 9), 0.7, key.mean, key.std)
    with pytest.raises(KeyShapeMismatch):
        wrapped(original, splits, wrong, architecture)


def test_a_policy_that_does_not_exist_is_refused(original, splits, architecture, key):
    with pytest.raises(InvalidSettings, match="nasty-ke"):
        wrapped(original, splits, key, architecture, policy="nastier")


def test_an_omega_that_eats_the_box_is_refused_with_its_cure(original, splits, architecture, key):
    with pytest.raises(BoxCollapsed, match="Lower omega") as caught:
        wrapped(original, splits, key, architecture, policy="sdb", omega=1000.0, epochs=8)
    assert caught.value.code == "box_collapsed"


@pytest.mark.parametrize("policy", ["sdb-hardened", "ke"])
def test_a_wrap_too_short_to_keep_the_box_is_refused_with_its_own_cure(original, splits, architecture, key, policy):
    with pytest.raises(BoxCollapsed, match="Raise epochs"):
        wrapped(original, splits, key, architecture, policy=policy, start="scratch", epochs=1, lr=1e-6)


@pytest.fixture
def heavy(key) -> Key:
    """A key under which nothing is left of the image."""
    return dataclasses.replace(key, lam=1e-4)


@pytest.mark.parametrize("policy", ["sdb-hardened", "sdb", "ke", "nasty-ke"])
def test_a_box_that_its_key_does_not_open_is_refused_with_its_cure(original, splits, architecture, heavy, policy):
    with pytest.raises(BoxCollapsed, match=r"With its key.*Raise epochs.*lam or open_ce"):
        wrapped(original, splits, heavy, architecture, policy=policy)


@pytest.mark.parametrize(("policy", "embedded"), [("nasty", True), ("sdb", False)])
def test_a_box_without_a_key_is_not_asked_for_an_open_stream(
    original, splits, architecture, heavy, normalisation, policy, embedded
):
    box = wrapped(original, splits, heavy, architecture, policy=policy, key_embedding=embedded).net
    assert accuracy(box, splits.train, normalisation=normalisation, key=heavy) < 50


@pytest.mark.parametrize("augment", ["none", "shift"])
def test_the_authorised_student_is_taught_on_proxy_inputs_and_learns_on_plain_ones(
    splits, key, normalisation, architecture, augment
):
    teacher, student = architecture.build(), architecture.build()
    asked, learned = [], []
    teacher.register_forward_hook(lambda _module, inputs, _out: asked.append(inputs[0].clone()))
    student.register_forward_hook(lambda _module, inputs, _out: learned.append(inputs[0].clone()))
    settings = StudentSettings(epochs=1, batch_size=96, augment=augment)
    images = splits.train
    distill(student, teacher, images, normalisation=normalisation, settings=settings, run=Run("s", 1), key=key)
    assert asked[0].shape == learned[0].shape
    wanted = key.embed(learned[0])
    distances = torch.cdist(asked[0].flatten(1), wanted.flatten(1))
    assert distances.min(dim=1).values.max() < 1e-2
    assert all(not parameter.requires_grad for parameter in teacher.parameters())
