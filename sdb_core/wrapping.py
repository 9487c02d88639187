"""Wrapping: from the provider's net to a box that answers everyone, and teaches only with the key."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from sdb_core.answers import frozen
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import BoxCollapsed, KeyShapeMismatch
from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.nets.registry import Architecture
from sdb_core.policies import OBJECTIVES, Case
from sdb_core.settings import WrapSettings, check_policy
from sdb_core.training import History, Run, train
from sdb_core.training.batches import mixed_seed

_LEAST_KEPT = 0.75


@dataclass(frozen=True, eq=False)
class WrapResult:
    """The box's net, frozen and in eval mode, and the loss curves of its making."""

    net: nn.Module
    history: History


def wrap(
    original: nn.Module,
    images: LabelledImages,
    key: Key,
    *,
    policy: str,
    settings: WrapSettings,
    architecture: Architecture,
    run: Run,
) -> WrapResult:
    """Make a box of `original`; `original` is frozen and not changed.

    Policies: `sdb-hardened` (targeted disturbance), `sdb` (Eqs. 4-11 of arXiv 2112.03695), `ke` (its Eq. 6 alone),
    `nasty` (arXiv 2105.07381), `nasty-ke`, `normal` (the original itself). x and x~ pass in one concatenated forward:
    apart, batch norm's running statistics would mix the two streams.
    Raises InvalidSettings for an unknown policy, KeyShapeMismatch, BoxCollapsed, and what `training.train` raises.
    """
    check_policy(policy)
    _check_key(key, architecture)
    frozen(original.to(run.device))
    net = _first_net(original, architecture, settings=settings, run=run)
    if policy == "normal":
        return WrapResult(net=frozen(net), history=[])
    case = Case(
        net=net,
        original=original,
        images=images.to(run.device),
        key=key.to(run.device),
        settings=settings,
        architecture=architecture,
        seed=run.seed,
    )
    objective = OBJECTIVES[policy](case)
    history = train(net, objective, case.images, normalisation=case.normalisation, settings=settings, run=run)
    _check_kept(case, policy=policy)
    return WrapResult(net=frozen(net), history=history)


def _check_key(key: Key, architecture: Architecture) -> None:
    if tuple(key.kappa.shape) != architecture.shape:
        raise KeyShapeMismatch(
            f"The key is for inputs of shape {tuple(key.kappa.shape)}, the model reads {architecture.shape}; "
            "draw a key of the model's shape."
        )


def _first_net(original: nn.Module, architecture: Architecture, *, settings: WrapSettings, run: Run) -> nn.Module:
    """T* before its first step: a copy of the original, or random weights drawn with the run's seed."""
    if settings.start == "original":
        return copy.deepcopy(original).requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(run.seed, "start", 0))
        return architecture.build().to(run.device)


def _check_kept(case: Case, *, policy: str) -> None:
    """Raise BoxCollapsed where a stream has lost too much: Eq. 7 and the Nasty loss have no lower bound.

    Without a key (`nasty`, or `key_embedding` off) there is no open stream.
    """
    before = accuracy(case.original, case.images, normalisation=case.normalisation)
    closed = accuracy(case.net, case.images, normalisation=case.normalisation)
    if closed < _LEAST_KEPT * before:
        raise BoxCollapsed(
            f"The box is right on {closed:.1f}% of the training images, the original on {before:.1f}%: {_CURES[policy]}"
        )
    if policy == "nasty" or not case.settings.key_embedding:
        return
    opened = accuracy(case.net, case.images, normalisation=case.normalisation, key=case.key)
    if opened < _LEAST_KEPT * before:
        raise BoxCollapsed(
            f"With its key the box is right on {opened:.1f}% of the training images, the original on {before:.1f}%: "
            "the open stream was not learned. Raise epochs (or min_steps), lam or open_ce; under sdb and nasty-ke, a "
            "lower omega helps too."
        )


_DIVERGED = (
    "the disturbance diverged. Lower omega (or lr), or choose the policy sdb-hardened, whose disturbance is bounded."
)
_CURES = dict.fromkeys(OBJECTIVES, _DIVERGED) | {
    "sdb-hardened": "the wrap was too short or its steps too large. Raise epochs (or min_steps), or lower lr.",
    "ke": "the wrap was too short or its steps too large. Raise epochs (or min_steps), or lower lr.",
}
