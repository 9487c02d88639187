"""The steps of the loop: they never wait, survive no NaN, may be cut into micro-batches, and run in bfloat16."""

import dataclasses
import functools
import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sdb_core.answers import teacher_answers
from sdb_core.checkpoints import load_state
from sdb_core.distillation import fit, label_objective, new_student
from sdb_core.errors import DatasetTooSmall, InvalidSettings, TrainingDiverged
from sdb_core.evaluation import accuracy
from sdb_core.observer import SilentObserver
from sdb_core.settings import TrainingSettings, WrapSettings
from sdb_core.training import CPU, Batch, Run, train
from sdb_core.wrapping import wrap

SETTINGS = TrainingSettings(epochs=6, batch_size=16, augment="shift", checkpoint_seconds=0.0)


class Listens(SilentObserver):
    """Remembers the losses it is told, and the states written."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.states: list[dict] = []

    def metrics(self, stage, step, values) -> None:
        self.losses.append(values["loss"])

    def checkpoint(self, path) -> None:
        self.states.append(load_state(path))


class Reads(TorchDispatchMode):
    """Counts how often a number is read out of a tensor: on a GPU each makes the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def without_batch_norm() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def with_batch_norm() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def test_a_loss_that_diverges_is_neither_told_nor_saved(tmp_path, splits, normalisation):
    net, listens, seen = with_batch_norm(), Listens(), []
    good = label_objective(net, smoothing=0.0)

    def objective(batch):
        seen.append(batch)
        return {"loss": good(batch)["loss"] * (float("nan") if len(seen) > 25 else 1.0)}

    settings = dataclasses.replace(SETTINGS, epochs=200)  # a note every 12 steps
    run = Run("t", 1, observer=listens, state_path=tmp_path / "state.pt")
    with pytest.raises(TrainingDiverged, match="nan at step 25"):
        train(net, objective, splits.train, normalisation=normalisation, settings=settings, run=run)
    assert len(listens.losses) == 3
    assert all(map(math.isfinite, listens.losses))
    assert listens.states[-1]["step"] == 25
    assert all(value.isfinite().all() for state in listens.states for value in state["net"].values())


def test_weights_that_the_last_step_ruins_end_the_run_too(tmp_path, splits, normalisation):
    net, path = with_batch_norm(), tmp_path / "state.pt"

    def objective(batch):
        return {"loss": (net(batch.x).sum() * 0).sqrt()}  # 0, with a slope of 0 times infinity

    settings = TrainingSettings(epochs=1, batch_size=96)
    run = Run("t", 1, state_path=path)
    with pytest.raises(TrainingDiverged, match="weights are not finite after 1 steps"):
        train(net, objective, splits.train, normalisation=normalisation, settings=settings, run=run)
    assert not path.exists()


def test_a_step_never_waits_to_read_a_number(splits, normalisation):
    settings = dataclasses.replace(SETTINGS, checkpoint_seconds=1e9, optimiser="sgd")
    with Reads() as reads:
        fit(with_batch_norm(), splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))
    assert reads.count < 10  # of 36 steps: the images' labels at the start, the weights at the end


@pytest.mark.parametrize("augment", ["none", "shift-flip"])
def test_micro_batches_without_batch_norm_learn_what_whole_batches_learn(splits, normalisation, augment):
    whole, cut = without_batch_norm(), without_batch_norm()
    settings = dataclasses.replace(SETTINGS, optimiser="sgd", lr=0.05, augment=augment)
    told = fit(whole, splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))
    parts = dataclasses.replace(settings, accumulate=4)
    told_cut = fit(cut, splits.train, normalisation=normalisation, settings=parts, run=Run("t", 1))
    pairs = zip(whole.parameters(), cut.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
    assert [row["loss"] for row in told_cut] == pytest.approx([row["loss"] for row in told], rel=1e-4)
    assert not torch.allclose(next(whole.parameters()), next(without_batch_norm().parameters()), atol=1e-2)


def test_batch_norm_sees_one_micro_batch_at_a_time(splits, normalisation):
    net, sizes = with_batch_norm(), []
    net[1].register_forward_hook(lambda _net, inputs, _out: sizes.append(len(inputs[0])))
    settings = dataclasses.replace(SETTINGS, epochs=1, accumulate=4)
    fit(net, splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))
    assert sizes == [4] * 24


def test_more_micro_batches_than_pairs_of_images_are_refused_with_the_cure(splits, normalisation):
    settings = dataclasses.replace(SETTINGS, accumulate=9)
    with pytest.raises(DatasetTooSmall, match="lower accumulate"):
        fit(with_batch_norm(), splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))


def test_bfloat16_learns_with_float32_weights_and_losses(splits, normalisation, architecture):
    net, kinds = new_student(architecture, seed=0, device=CPU), set()
    settings = TrainingSettings(epochs=8, batch_size=16, precision="bfloat16")
    told = label_objective(net, smoothing=0.0)
    hook = net.register_forward_hook(lambda _net, _inputs, logits: kinds.add(("logits", logits.dtype)))

    def objective(batch):
        values = told(batch)
        kinds.add(("loss", values["loss"].dtype))
        return values

    train(net, objective, splits.train, normalisation=normalisation, settings=settings, run=Run("t", 0))
    hook.remove()
    assert kinds == {("logits", torch.bfloat16), ("loss", torch.float32)}
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
    assert accuracy(net, splits.test, normalisation=normalisation) > 90


def test_a_frozen_teacher_answers_in_bfloat16_as_autocast_would(splits, normalisation, architecture):
    teacher = new_student(architecture, seed=0, device=CPU).eval()
    settings = TrainingSettings(augment="shift", precision="bfloat16")
    answers = teacher_answers(teacher, splits.train, normalisation=normalisation, settings=settings)
    x = normalisation(splits.train.images[:16])
    batch = Batch(torch.arange(16), x, splits.train.labels[:16], torch.Generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(answers(batch), teacher(x).float())
    assert {parameter.dtype for parameter in teacher.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.parametrize("policy", ["sdb", "sdb-hardened"])
def test_a_compiled_objective_makes_the_same_box(policy, splits, key, architecture, monkeypatch):
    """The graph is captured, and run by the interpreter: what a back end makes of it is PyTorch's."""
    graphs = []

    def run_as_captured(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=run_as_captured))
    original = new_student(architecture, seed=0, device=CPU)
    boxes = []
    for compiles in (False, True):
        settings = WrapSettings.for_policy(policy, {"epochs": 1, "batch_size": 32, "compile": compiles})
        facts = {"policy": policy, "settings": settings, "architecture": architecture}
        boxes.append(wrap(original, splits.train, key, run=Run("w", 1), **facts).net.state_dict())
    assert graphs
    for name, value in boxes[0].items():
        assert torch.allclose(value.float(), boxes[1][name].float(), atol=1e-6), name


def test_compiling_without_a_compiler_is_refused_with_the_cure(splits, normalisation, monkeypatch):
    monkeypatch.setenv("PATH", "")
    settings = dataclasses.replace(SETTINGS, compile=True)
    with pytest.raises(InvalidSettings, match="install g"):
        fit(with_batch_norm(), splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))
