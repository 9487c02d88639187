"""The images that attackers ask a box about, by name; all as many as they need and of the model's shape."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from sdb_core.datasets.images import LabelledImages, stratified_split


@dataclass(frozen=True)
class ImageSet:
    """How a set is made of the training images (and a seed), and what it is, in words about `{count}` images.

    A set that is not made of the training images uses their number and shape alone; its labels mean nothing.
    """

    words: str
    make: Callable[[LabelledImages, int], LabelledImages]
    labelled: bool = True


def _all(train: LabelledImages, seed: int) -> LabelledImages:  # noqa: ARG001 - one shape for all sets
    return train


def _half(train: LabelledImages, seed: int) -> LabelledImages:
    return stratified_split(train, share=0.5, seed=seed)[0]


def without_labels(images: LabelledImages) -> LabelledImages:
    """The same images with every label 0: for whoever has no ground truth."""
    return LabelledImages(images.images, torch.zeros_like(images.labels), images.class_names)


IMAGE_SETS = {
    "train": ImageSet("all {count} training images", _all),
    "half": ImageSet("{count} training images, a random half of each class", _half),
}
