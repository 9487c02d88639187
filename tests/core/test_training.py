"""The one loop: it learns, repeats itself, goes on after a crash, and stops when told."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from sdb_core.distillation import fit, new_student
from sdb_core.errors import TrainingDiverged, TrainingStopped
from sdb_core.evaluation import accuracy
from sdb_core.observer import SilentObserver
from sdb_core.settings import TrainingSettings
from sdb_core.training import Run, learning_rate, train

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(epochs=6, batch_size=16, augment="shift", checkpoint_seconds=0.0)


class StopsAfter(SilentObserver):
    """Lets so many steps pass and then asks to stop, as a killed job would."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.checkpoints: list[str] = []

    def should_stop(self) -> bool:
        self.left -= 1
        return self.left < 0

    def checkpoint(self, path) -> None:
        self.checkpoints.append(path.name)


class WithDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 3)
        )

    def forward(self, x):
        return self.net(x)


def fresh(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return WithDropout()


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_training_learns_the_task(splits, normalisation, architecture):
    net = new_student(architecture, seed=0, device=CPU)
    fit(
        net,
        splits.train,
        normalisation=normalisation,
        settings=TrainingSettings(epochs=8, batch_size=16),
        run=Run("t", 0),
    )
    assert accuracy(net, splits.test, normalisation=normalisation) > 90
    assert not net.training


def test_a_few_steps_overfit_one_batch(splits, normalisation, architecture):
    net = new_student(architecture, seed=0, device=CPU)
    one = splits.train.take(torch.arange(8))
    settings = TrainingSettings(epochs=60, batch_size=8)
    history = fit(net, one, normalisation=normalisation, settings=settings, run=Run("t", 0))
    assert history[0]["loss"] > 0.5
    assert history[-1]["loss"] < 0.05


def test_one_step_lowers_the_loss_of_its_own_batch(splits, normalisation, architecture):
    net = new_student(architecture, seed=0, device=CPU)
    one = splits.train.take(torch.arange(16))
    settings = TrainingSettings(epochs=2, batch_size=16, optimiser="sgd", lr=0.05, warmup=0.0)
    history = fit(net, one, normalisation=normalisation, settings=settings, run=Run("t", 0))
    assert history[1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(splits, normalisation, optimiser):
    nets = [fresh(), fresh(), fresh()]
    settings = dataclasses.replace(SETTINGS, optimiser=optimiser)
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        fit(net, splits.train, normalisation=normalisation, settings=settings, run=Run("t", seed))
    assert same(nets[0], nets[1])
    assert not same(nets[0], nets[2])


def test_training_leaves_the_callers_random_numbers_alone(splits, normalisation):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    fit(fresh(), splits.train, normalisation=normalisation, settings=SETTINGS, run=Run("t", 1))
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_a_resumed_run_is_bit_equal_to_an_unbroken_one(tmp_path, splits, normalisation, optimiser, steps):
    settings = dataclasses.replace(SETTINGS, optimiser=optimiser)
    unbroken, broken, resumed = fresh(), fresh(), fresh(seed=9)
    whole = fit(unbroken, splits.train, normalisation=normalisation, settings=settings, run=Run("t", 1))
    path = tmp_path / "state.pt"
    observer = StopsAfter(steps)
    first = Run("t", 1, observer=observer, state_path=path)
    with pytest.raises(TrainingStopped):
        fit(broken, splits.train, normalisation=normalisation, settings=settings, run=first)
    assert observer.checkpoints
    again = Run("t", 1, observer=StopsAfter(36 - steps), state_path=path)
    history = fit(resumed, splits.train, normalisation=normalisation, settings=settings, run=again)
    assert same(unbroken, resumed)
    assert history == whole


def test_a_finished_run_is_not_repeated(tmp_path, splits, normalisation):
    run = Run("t", 1, state_path=tmp_path / "state.pt")
    first, second = fresh(), fresh(seed=9)
    fit(first, splits.train, normalisation=normalisation, settings=SETTINGS, run=run)
    none_left = Run("t", 1, observer=StopsAfter(0), state_path=tmp_path / "state.pt")
    fit(second, splits.train, normalisation=normalisation, settings=SETTINGS, run=none_left)
    assert same(first, second)


@pytest.mark.parametrize("damage", ["another seed", "truncated"])
def test_a_state_of_another_run_or_a_damaged_one_starts_the_run_again(tmp_path, splits, normalisation, damage):
    path = tmp_path / "state.pt"
    seed = 2 if damage == "another seed" else 1
    fit(fresh(), splits.train, normalisation=normalisation, settings=SETTINGS, run=Run("t", seed, state_path=path))
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:500])
    clean, after = fresh(), fresh()
    fit(clean, splits.train, normalisation=normalisation, settings=SETTINGS, run=Run("t", 1))
    fit(after, splits.train, normalisation=normalisation, settings=SETTINGS, run=Run("t", 1, state_path=path))
    assert same(clean, after)


def test_a_loss_that_is_not_finite_ends_the_run_with_the_cure(splits, normalisation):
    net = fresh()

    def broken(batch):
        return {"loss": net(batch.x).sum() * float("nan")}

    with pytest.raises(TrainingDiverged, match="lower lr") as caught:
        train(net, broken, splits.train, normalisation=normalisation, settings=SETTINGS, run=Run("t", 1))
    assert caught.value.code == "training_diverged"


def test_the_rate_rises_then_falls_to_zero():
    settings = TrainingSettings(lr=0.1, warmup=0.1)
    rates = [learning_rate(step, total=100, settings=settings) for step in range(100)]
    assert max(rates) == pytest.approx(0.1)
    assert rates.index(max(rates)) == 10
    assert rates[0] < 0.02
    assert rates[-1] < 0.001
    assert all(math.isfinite(rate) and rate >= 0 for rate in rates)


def test_a_rate_in_steps_falls_tenfold_at_epochs_80_and_120_of_160():
    settings = TrainingSettings(lr=0.1, warmup=0.0, schedule="steps")
    rates = [learning_rate(epoch * 391, total=160 * 391, settings=settings) for epoch in range(160)]
    assert rates == pytest.approx([0.1] * 80 + [0.01] * 40 + [0.001] * 40)


def test_milestones_and_their_factor_are_the_callers():
    settings = TrainingSettings(lr=1.0, warmup=0.2, schedule="steps", milestones=(0.3, 0.6, 0.8), gamma=0.2)
    rates = [learning_rate(step, total=10, settings=settings) for step in range(10)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, 0.2, 0.2, 0.2, 0.04, 0.04, 0.008, 0.008])


def test_small_data_trains_for_the_least_number_of_steps(splits, normalisation):
    few = splits.train.take(torch.arange(10))
    settings = TrainingSettings(epochs=1, batch_size=64, min_steps=12)
    history = fit(fresh(), few, normalisation=normalisation, settings=settings, run=Run("t", 1))
    assert history[-1]["step"] == 11
