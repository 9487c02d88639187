"""The method leaves no tensor on the wrong side of a GPU. None is there: `tests/absent_gpu.py` says what that shows."""

import copy
import dataclasses
import math

import pytest
import torch

from sdb_core.attacks import PANEL
from sdb_core.distillation import fit, new_student
from sdb_core.errors import TrainingStopped
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.observer import SilentObserver
from sdb_core.report import make_report
from sdb_core.report_page import report_page
from sdb_core.settings import TrainingSettings, WrapSettings
from sdb_core.settings.wrapping import POLICIES
from sdb_core.subject import Subject
from sdb_core.training import CPU, Run
from sdb_core.wrapping import wrap
from tests.absent_gpu import GPU, absent_gpu
from tests.core.attacks.conftest import SETTINGS
from tests.core.conftest import bars

GENTLE = {"omega": 0.01}
KINDS = {
    **{policy: (policy, GENTLE if policy in ("sdb", "nasty", "nasty-ke") else {}) for policy in POLICIES},
    "limit of Eq. 11 apart": ("sdb", GENTLE | {"aug_temperature": 4.0, "rectify": True}),
    "augmented": ("sdb-hardened", {"augment": "shift-flip", "open_copies": 2, "caution": 0.1, "decoy": "apart"}),
    "in parts": ("sdb-hardened", {"accumulate": 2, "precision": "bfloat16", "mixup": 0.0, "beside": 0.5}),
    "from scratch": ("ke", {"start": "scratch"}),
}


class StopsAt(SilentObserver):
    """Asks to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def should_stop(self) -> bool:
        self.steps -= 1
        return self.steps < 0


@pytest.fixture
def gpu():
    with absent_gpu() as device:
        yield device


@pytest.fixture(scope="module")
def trained():
    """A net of three classes of 8x8 images, trained here."""
    torch.set_num_threads(1)
    net = new_student(Architecture("sdb:cnn-mini", 3, 1, 8, 8), seed=0, device=CPU)
    settings = TrainingSettings(epochs=20, batch_size=16)
    fit(net, bars(96, seed=0), normalisation=Normalisation.of([0.4], [0.3]), settings=settings, run=Run("train", 0))
    return net


@pytest.fixture
def original(gpu, trained):
    return copy.deepcopy(trained).to(gpu)


def wrapped(original, splits, key, architecture, *, policy="sdb-hardened", values=None, run=None):
    settings = WrapSettings.for_policy(policy, {"epochs": 10, "batch_size": 16} | (values or {}))
    run = run or Run("wrap", 1, device=GPU)
    result = wrap(original, splits.train, key, policy=policy, settings=settings, architecture=architecture, run=run)
    assert {value.device for value in result.net.state_dict().values()} == {GPU}
    return result, settings


def test_what_would_fail_on_a_gpu_fails_here(gpu):
    there, here = torch.ones(3, device=gpu), torch.ones(3)
    assert there.device == gpu
    for mix in (lambda: there + here, lambda: torch.stack([there, here]), lambda: here.add_(there)):
        with pytest.raises(RuntimeError, match="same device"):
            mix()
    with pytest.raises(RuntimeError, match="same device"):
        torch.nn.Linear(3, 3).to(gpu)(here)
    with pytest.raises(TypeError, match="numpy"):
        there.numpy()
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, generator=torch.Generator(gpu))
    with pytest.raises(RuntimeError, match="generator"):
        there.normal_(generator=torch.Generator())
    assert (there + here.to(gpu)).cpu().tolist() == [2.0, 2.0, 2.0]


def test_a_slope_comes_back_over_the_border(gpu):
    here = torch.tensor([1.0, 2.0], requires_grad=True)
    (here.to(gpu) ** 2).sum().cpu().backward()
    assert here.grad.tolist() == [2.0, 4.0]


def test_a_net_trained_there_is_the_net_trained_here(gpu, architecture, splits, normalisation):
    """Images, their order and augmentation do not depend on the device."""
    settings = TrainingSettings(epochs=2, batch_size=16, augment="shift-flip")
    there, here = (new_student(architecture, seed=0, device=device) for device in (gpu, CPU))
    fit(there, splits.train, normalisation=normalisation, settings=settings, run=Run("train", 0, device=gpu))
    fit(here, splits.train, normalisation=normalisation, settings=settings, run=Run("train", 0))
    for name, value in here.state_dict().items():
        torch.testing.assert_close(there.state_dict()[name].cpu(), value, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_policy_wraps_there(kind, original, splits, key, architecture):
    policy, values = KINDS[kind]
    result, _ = wrapped(original, splits, key, architecture, policy=policy, values=values)
    assert all(math.isfinite(row["loss"]) for row in result.history)


def test_a_stopped_wrap_goes_on_there_to_the_same_box(original, splits, key, architecture, tmp_path):
    unbroken, _ = wrapped(original, splits, key, architecture)
    run = Run("wrap", 1, device=GPU, state_path=tmp_path / "state.pt")
    with pytest.raises(TrainingStopped):
        wrapped(original, splits, key, architecture, run=dataclasses.replace(run, observer=StopsAt(7)))
    resumed, _ = wrapped(original, splits, key, architecture, run=run)
    for name, value in unbroken.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name].cpu(), value.cpu(), msg=name)


def test_the_whole_evidence_is_made_there(original, splits, key, architecture, tmp_path):
    box, settings = wrapped(original, splits, key, architecture)
    subject = Subject(original, box.net, key, splits, architecture, "sdb-hardened", settings, 0, box.history, "ab" * 32)
    report = make_report(subject, settings=SETTINGS, run=Run("evaluate", 3, device=GPU), state_folder=tmp_path)
    assert {attack["name"] for attack in report["attacks"]} == {attack.name for attack in PANEL}
    assert report["not_measured"] == []
    assert report["provenance"]["device"].startswith("cuda:0")
    assert report_page(report, names={}).startswith("<!doctype html>")
