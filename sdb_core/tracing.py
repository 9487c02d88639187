"""What marked keys cost: a service that gives each customer a key of their own says how large its marks are."""

import dataclasses
import math
from typing import Any

import torch

from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.subject import Subject
from sdb_core.teaching import seed_for
from sdb_core.verdicts import summary_of

_MARKS = 3


def measured(subject: Subject) -> dict[str, Any]:
    """`subject.tracing` (the service's word) with `open`: the box's test accuracy under keys with a mark of that size.

    `share` is the deviation of a mark in deviations of a key. The marks are drawn here: nobody has them.
    """
    generator = torch.Generator().manual_seed(seed_for(subject.seed, "marks"))
    keys = [marked(subject.key, share=float(subject.tracing["share"]), generator=generator) for _ in range(_MARKS)]
    test, scale = subject.splits.test, subject.normalisation
    return {
        **subject.tracing,
        "open": summary_of([accuracy(subject.box, test, normalisation=scale, key=key) for key in keys]),
    }


def marked(key: Key, *, share: float, generator: torch.Generator) -> Key:
    """The key with Gaussian noise of `share` of a key's deviation, as a service's mark is."""
    height = share / math.sqrt(12) / torch.tensor(key.std).view(-1, 1, 1)  # pixels of a key are uniform in [0, 1]
    noise = torch.randn(key.kappa.shape, generator=generator)
    return dataclasses.replace(key, kappa=(key.kappa.cpu() + height * noise).contiguous())
