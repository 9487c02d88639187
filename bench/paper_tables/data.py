"""The images of a run: opened, cut to the scale's size, on the device."""

from dataclasses import dataclass
from typing import Any

import torch

from bench.paper_tables.cells import FIRST, SECOND
from bench.paper_tables.scales import Scale
from sdb_core.datasets import LabelledImages, Splits, open_dataset, stratified_split
from sdb_core.normalise import Normalisation


@dataclass(frozen=True, eq=False)
class Data:
    """Splits on the device, their scale, and what a reader wants to know of them."""

    splits: Splits
    normalisation: Normalisation
    summary: dict[str, Any]
    sha256: str


def open_data(first: str, second: str, *, scale: Scale, device: torch.device) -> dict[str, Data]:
    """The data sets by role. Without a second one a scale that allows a stand-in takes the first again."""
    found = {FIRST: opened(first, scale=scale, device=device)}
    if second:
        found[SECOND] = opened(second, scale=scale, device=device)
    elif scale.stand_in:
        found[SECOND] = found[FIRST]
    return found


def opened(source: str, *, scale: Scale, device: torch.device) -> Data:
    """One data set: at most so many images, each class with its share, always the same."""
    whole = open_dataset(source)
    splits = Splits(_at_most(whole.train, scale.train), _at_most(whole.test, scale.test))
    normalisation = Normalisation.measured(splits.train.images)
    sha256 = splits.digest()
    summary = {
        "source": source if source.startswith("builtin:") else "given",
        "sha256": sha256,
        "train": len(splits.train),
        "train_of": len(whole.train),
        "test": len(splits.test),
        "test_of": len(whole.test),
        "classes": len(splits.train.class_names),
        "shape": list(splits.shape),
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
    }
    return Data(Splits(splits.train.to(device), splits.test.to(device)), normalisation, summary, sha256)


def _at_most(images: LabelledImages, count: int) -> LabelledImages:
    if not count or count >= len(images):
        return images
    return stratified_split(images, share=count / len(images), seed=0)[1]
