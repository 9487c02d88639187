"""Wrapping: from the provider's net to a box that answers everyone, and teaches only with the key."""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core import objectives
from sdb_core.answers import Answers, frozen, logits_of, teacher_answers
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import KeyShapeMismatch
from sdb_core.keys import Key
from sdb_core.nets.registry import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import WrapSettings, check_policy
from sdb_core.training import History, Objective, Run, train


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
    """Make a box of `original`, starting from its weights; `original` is frozen and not changed.

    Policies: `sdb-hardened` (targeted disturbance), `sdb` (Eqs. 4-11 of arXiv 2112.03695), `nasty`
    (arXiv 2105.07381), `normal` (the original itself). x and x~ pass in one concatenated forward: apart, batch norm's
    running statistics would mix the two streams.
    Raises InvalidSettings for a policy that is not built, KeyShapeMismatch, and what `training.train` raises.
    """
    check_policy(policy)
    if tuple(key.kappa.shape) != architecture.shape:
        raise KeyShapeMismatch(
            f"The key is for inputs of shape {tuple(key.kappa.shape)}, the model reads {architecture.shape}; "
            "draw a key of the model's shape."
        )
    frozen(original.to(run.device))
    net = copy.deepcopy(original).requires_grad_(True)
    if policy == "normal":
        return WrapResult(net=frozen(net), history=[])
    normalisation = Normalisation(key.mean, key.std)
    objective = _objective(
        policy, net, original, images, key=key, settings=settings, architecture=architecture, run=run
    )
    history = train(net, objective, images, normalisation=normalisation, settings=settings, run=run)
    return WrapResult(net=frozen(net), history=history)


def choose_decoys(confusions: Tensor, how: str) -> Tensor:
    """For each class the class that stands in as its decoy: int64 [C].

    `confusions` [C, C]: the original's mean probabilities over the images it names so. "next": y + 1; "near": the
    class it takes for the likeliest second; "far": the least likely.
    """
    classes = len(confusions)
    if how == "next":
        return (torch.arange(classes, device=confusions.device) + 1) % classes
    own = torch.eye(classes, dtype=torch.bool, device=confusions.device)
    if how == "near":
        return confusions.masked_fill(own, -1.0).argmax(dim=1)
    return confusions.masked_fill(own, 2.0).argmin(dim=1)


def _objective(
    policy: str,
    net: nn.Module,
    original: nn.Module,
    images: LabelledImages,
    *,
    key: Key,
    settings: WrapSettings,
    architecture: Architecture,
    run: Run,
) -> Objective:
    normalisation = Normalisation(key.mean, key.std)
    known = teacher_answers(original, images, normalisation=normalisation, settings=settings)
    if policy == "nasty":
        return objectives.nasty(net, known, settings=settings)
    if policy == "sdb":
        twin = _twin_answers(architecture, images, normalisation=normalisation, settings=settings, run=run)
        return objectives.paper(net, known, twin, key=key, settings=settings)
    decoys = choose_decoys(_confusions(original, images, normalisation=normalisation), settings.decoy)
    return objectives.hardened(net, original, known, key=key, decoys=decoys, settings=settings)


def _twin_answers(
    architecture: Architecture,
    images: LabelledImages,
    *,
    normalisation: Normalisation,
    settings: WrapSettings,
    run: Run,
) -> Answers:
    """T0: the same architecture with random weights, drawn with the run's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        twin = architecture.build().to(run.device)
    return teacher_answers(twin, images, normalisation=normalisation, settings=settings)


def _confusions(original: nn.Module, images: LabelledImages, *, normalisation: Normalisation) -> Tensor:
    """[C, C]: the original's mean probabilities over the images it gives each class."""
    logits = logits_of(original, images, normalisation=normalisation)
    classes = logits.shape[1]
    named = F.one_hot(logits.argmax(dim=1), classes).float()  # [N, C]
    counts = named.sum(dim=0).clamp_min(1.0)  # [C]
    return (named.T @ F.softmax(logits, dim=1)) / counts.unsqueeze(1)
