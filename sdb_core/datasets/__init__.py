"""Labelled images: built in, folders of images, CIFAR, Tiny-ImageNet, parquet, npz; on disk, in a zip or a tar."""

from sdb_core.datasets.images import LabelledImages, Splits, stratified_split
from sdb_core.datasets.opening import open_dataset

__all__ = ["LabelledImages", "Splits", "open_dataset", "stratified_split"]
