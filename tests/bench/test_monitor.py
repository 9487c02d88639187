"""The bench of the extraction monitor: streams as they are named, and the service's own rules applied to them."""

import numpy as np
import pytest
import torch
from torch import nn

from api.bodies.geometry import Geometry
from api.monitoring.judging import Limits
from bench.monitor import cost, summary, watched
from bench.monitor_streams import BENIGN, COPIERS, Target, fgsm, jacobian, repeats, two_views
from sdb_service.settings import Settings

LIMITS = Limits.of(Settings())


@pytest.fixture(scope="module")
def target() -> Target:
    """A random linear net that takes smooth random pictures."""
    random = np.random.default_rng(0)
    coarse = random.normal(size=(3000, 4, 4, 1)).repeat(2, axis=1).repeat(2, axis=2)
    natural = np.clip(127 + 45 * coarse + 15 * random.normal(size=(3000, 8, 8, 1)), 0, 255).astype(np.uint8)
    shape = {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.3]}
    torch.manual_seed(0)
    return Target(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), Geometry.of(shape), natural, 1000, 600)


@pytest.mark.parametrize("name", [*BENIGN, *COPIERS])
def test_every_stream_is_of_images_of_the_box(target: Target, name: str) -> None:
    pixels = (BENIGN | COPIERS)[name](target, np.random.default_rng(1))
    assert pixels.dtype == np.uint8
    assert pixels.shape[1:] == target.natural.shape[1:]
    assert 30 < len(pixels) <= 1.05 * target.training_images


def test_streams_are_what_their_names_say(target: Target) -> None:
    random = np.random.default_rng(2)
    assert len(np.unique(repeats(target, random), axis=0)) == 20
    views = two_views(target, random)
    assert (views[1] == np.roll(views[0], 1, axis=1)).all()
    steps = np.abs(np.diff(fgsm(target, random)[:10].astype(int), axis=0))
    assert 0 < steps.max() <= 7
    assert len(np.unique(jacobian(target, random), axis=0)) > 500


def test_a_step_uphill_raises_the_answers_own_logit(target: Target) -> None:
    images = target.natural[:50]
    labels = target.logits(images).argmax(axis=1)
    stepped = np.clip(images + 10 * target.uphill(images), 0, 255).astype(np.uint8)
    rise = (target.logits(stepped) - target.logits(images))[np.arange(50), labels]
    assert (rise > 0).mean() > 0.95


def test_copiers_are_told_of_and_others_not(target: Target) -> None:
    found = {
        name: watched(target, (BENIGN | COPIERS)[name], LIMITS, seed=0)
        for name in ("draws", "20 images repeated", "jacobian", "natural images, more than the box was made with")
    }
    assert {name: set(one["kinds"]) for name, one in found.items()} == {
        "draws": set(),
        "20 images repeated": set(),
        "jacobian": {"distances"},
        "natural images, more than the box was made with": {"volume"},
    }
    assert found["jacobian"]["kinds"]["distances"] <= 400
    total = summary(list(found.values()))
    assert (total["alarmed"], total["by_kind"]) == (0.5, {"distances": 0.25, "volume": 0.25})


def test_the_event_loop_pays_little(target: Target) -> None:
    found = cost(target)
    assert found["event loop, a request of 1"] < 50  # microseconds; on a machine that has nothing else to do, one
