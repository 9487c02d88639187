"""scikit-learn's 1,797 handwritten digits, 8x8: real data that need no download. scikit-learn is an extra."""

import importlib
from typing import Any

import numpy as np
import torch

from sdb_core.datasets.images import LabelledImages, Splits
from sdb_core.errors import DatasetUnreadable

_TRAIN = 1200
_SPLIT_SEED = 0


def digits() -> Splits:
    """1,200 training and 597 test images, uint8 [N, 1, 8, 8] scaled to 0..255; a fixed stratified split.

    Raises DatasetUnreadable without scikit-learn.
    """
    raw = _raw()
    pixels = np.round(raw.images * (255.0 / 16.0)).astype(np.uint8)  # [1797, 8, 8]
    images = torch.from_numpy(pixels).unsqueeze(1)  # [1797, 1, 8, 8]
    labels = torch.from_numpy(raw.target.astype(np.int64))  # [1797]
    every = LabelledImages(images, labels, tuple(str(name) for name in range(10)))
    train = _stratified(labels, count=_TRAIN)
    return Splits(train=every.take(train), test=every.take(_others(train, total=len(labels))))


def _raw() -> Any:
    try:
        return importlib.import_module("sklearn.datasets").load_digits()
    except ImportError as error:
        raise DatasetUnreadable(
            "builtin:digits comes with scikit-learn, which is not installed here; install it "
            "(pip install scikit-learn), or name a data set of your own."
        ) from error


def _stratified(labels: torch.Tensor, *, count: int) -> torch.Tensor:
    """The indices of `count` images, with each class's share within one image of its share in all."""
    generator = torch.Generator().manual_seed(_SPLIT_SEED)
    ranked = torch.empty(len(labels))
    for label in range(int(labels.max()) + 1):
        members = torch.nonzero(labels == label).flatten()
        order = members[torch.randperm(len(members), generator=generator)]
        ranked[order] = (torch.arange(len(order)) + 0.5) / len(order)
    return ranked.argsort(stable=True)[:count].sort().values


def _others(taken: torch.Tensor, *, total: int) -> torch.Tensor:
    free = torch.ones(total, dtype=torch.bool)
    free[taken] = False
    return torch.nonzero(free).flatten()
