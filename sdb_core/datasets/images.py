"""Labelled images and their splits, checked when built."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sdb_core.errors import DatasetLabelsInvalid, DatasetMismatch, DatasetOneClass, DatasetTooSmall, DatasetUnreadable
from sdb_core.nets.registry import Architecture

FEWEST_IMAGES = 8


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """`images` uint8 [N, C, H, W], `labels` int64 [N] in 0..K-1, the K `class_names`.

    Raises DatasetUnreadable for another type or shape, DatasetLabelsInvalid for labels outside the class names.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.dim() != 4:
            raise DatasetUnreadable("Images must be uint8 of shape (N, C, H, W).")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise DatasetLabelsInvalid(f"There are {len(self.images)} images; give each one whole number as its label.")
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.class_names):
            raise DatasetLabelsInvalid(f"Labels must run from 0 to {len(self.class_names) - 1}; number the classes so.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "LabelledImages":
        """The images at `index` (int64 [M])."""
        return LabelledImages(self.images[index], self.labels[index], self.class_names)

    def to(self, device: torch.device | str) -> "LabelledImages":
        """The same images on another device."""
        return LabelledImages(self.images.to(device), self.labels.to(device), self.class_names)


@dataclass(frozen=True, eq=False)
class Splits:
    """Images to train on and images to be judged on, of the same classes and shape.

    Raises DatasetOneClass, DatasetTooSmall, DatasetLabelsInvalid (a class without a training image).
    """

    train: LabelledImages
    test: LabelledImages

    def __post_init__(self) -> None:
        classes = len(self.train.class_names)
        if classes < 2:
            raise DatasetOneClass("The data set has fewer than two classes; a classifier needs at least two.")
        if len(self.train) < FEWEST_IMAGES or len(self.test) < 1:
            raise DatasetTooSmall(
                f"The data set has {len(self.train)} training and {len(self.test)} test images; "
                f"give at least {FEWEST_IMAGES} to train on and one to test on."
            )
        counts = torch.bincount(self.train.labels, minlength=classes)
        if int(counts.min()) == 0:
            absent = self.train.class_names[int(counts.argmin())]
            raise DatasetLabelsInvalid(f"The class {absent!r} has no training image; add some or drop the class.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.train.images.shape[1:]
        return int(channels), int(height), int(width)

    def digest(self) -> str:
        """SHA-256 (hex) over class names, shapes, pixels and labels of both splits."""
        state = hashlib.sha256(json.dumps(list(self.train.class_names)).encode())
        for part in (self.train, self.test):
            state.update(json.dumps(list(part.images.shape)).encode())
            state.update(part.images.contiguous().cpu().numpy().tobytes())
            state.update(part.labels.contiguous().cpu().numpy().astype("<i8").tobytes())
        return state.hexdigest()

    def summary(self) -> dict[str, Any]:
        """What a reader wants to know of the data set, as JSON values."""
        return {
            "train": len(self.train),
            "test": len(self.test),
            "num_classes": len(self.train.class_names),
            "class_names": list(self.train.class_names),
            "shape": list(self.shape),
            "sha256": self.digest(),
        }

    def check_fits(self, architecture: Architecture) -> None:
        """Raise DatasetMismatch unless shape and number of classes are the model's."""
        if self.shape != architecture.shape:
            raise DatasetMismatch(
                f"The images are {self.shape}, the model reads {architecture.shape}; resize the images."
            )
        if len(self.train.class_names) != architecture.num_classes:
            raise DatasetMismatch(
                f"The data set has {len(self.train.class_names)} classes, the model {architecture.num_classes}; "
                "use the data set that the model was trained for."
            )


def stratified_split(images: LabelledImages, *, share: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Split off `share` (0..1) of each class, drawn with `seed`: (the rest, the part), both in their old order.

    A class keeps at least one image in the rest. For validation data carved from training data, and for data sets
    that come without a test split.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = images.labels.cpu()
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(len(images.class_names)):
        members = torch.nonzero(labels == label).flatten()
        count = min(round(len(members) * share), max(len(members) - 1, 0))
        chosen[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return images.take(torch.nonzero(~chosen).flatten()), images.take(torch.nonzero(chosen).flatten())


def without_test_part(images: LabelledImages) -> Splits:
    """Splits of a data set that comes as one: a fifth of each class to be judged on, always the same."""
    return Splits(*stratified_split(images, share=0.2, seed=0))


def numbered_classes(labels: Tensor) -> tuple[str, ...]:
    """The names "0", "1", ... of classes that have none. Raises DatasetOneClass, and DatasetLabelsInvalid for gaps."""
    found = sorted(set(labels.tolist()))
    if len(found) < 2:
        raise DatasetOneClass("All labels are the same; a classifier needs at least two classes.")
    low, high = found[0], found[-1]
    if low != 0 or high != len(found) - 1:
        raise DatasetLabelsInvalid(
            f"Labels run from {low} to {high} with {len(found)} different values; number classes 0, 1, 2, ..."
        )
    return tuple(str(name) for name in range(len(found)))
